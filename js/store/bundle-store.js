'use strict';

const native = require('../addon/native.js');
const { modeArguments } = require('../common/artifact-mode.js');
const { quote } = require('../common/errors.js');
const { harden, hardenOwn } = require('../common/harden.js');
const { elements } = require('../common/streams.js');
const { noScriptCache } = require('./script-cache.js');
const { borrowedPowers } = require('./substore-powers.js');

/**
 * The bundle ID in the name of a bundle artifact.
 *
 * @param {string} name
 * @returns {string}
 */
const bundleIDFromName = name => native.bundleIDFromName(name);

/** The value if it is a string of well-formed Unicode, which JSON text from here to the addon consists of. */
const wellFormed = value => (typeof value === 'string' && value.isWellFormed() ? value : undefined);

/**
 * Makes the functions of a bundleStore.
 *
 * @param {import('./substore-powers.js').Powers} powers
 * @param {ReturnType<typeof import('./script-cache.js').makeScriptCache>} [scripts] caches scripts
 */
const bundleStoreOver = ({ fns, writes }, scripts = noScriptCache) => {
  const add = writes(fns.addBundle);
  const remove = writes(fns.deleteBundle);
  const populate = writes(fns.populateBundle);

  async function* exportBundle(name) {
    yield fns.exportBundle(name);
  }
  async function* getArtifactNames() {
    for (const bundleID of fns.bundleIDs()) yield `bundle.${bundleID}`;
  }
  function* getExportRecords() {
    yield* elements(fns.bundleRecords());
  }
  function* getBundleIDs() {
    yield* fns.bundleIDs();
  }

  return hardenOwn({
    importBundleRecord: writes(fns.importBundleRecord),
    async importBundle(name, dataProvider) {
      await null;
      const sink = native.makeBundleSink(name);
      sink.add(await dataProvider());
      await sink.finish();
      populate(sink);
    },
    assertComplete: checkMode => fns.checkBundles(...modeArguments(checkMode)),

    addBundle(bundleID, bundle) {
      const { moduleFormat, endoZipBase64, endoZipBase64Sha512 } = bundle;
      const description = {
        moduleFormat: wellFormed(moduleFormat),
        quotedFormat: quote(moduleFormat),
        endoZipBase64Sha512: wellFormed(endoZipBase64Sha512),
      };
      // The ID of a script is the hash of its JSON text. The text of an archive is large and not needed.
      const contents = moduleFormat === 'nestedEvaluate' ? JSON.stringify(bundle) : endoZipBase64;
      add(bundleID, JSON.stringify(description), contents);
    },
    hasBundle: fns.hasBundle,
    getBundle(bundleID) {
      const cached = scripts.find(bundleID);
      if (cached !== undefined) return cached;
      const contents = fns.getBundle(bundleID);
      // The addon has parsed a usual script.
      if (typeof contents !== 'string') {
        const script = harden(contents);
        scripts.keep(bundleID, script);
        return script;
      }
      return harden(
        bundleID.startsWith('b0-')
          ? JSON.parse(contents)
          : {
              moduleFormat: 'endoZipBase64',
              endoZipBase64Sha512: bundleID.substring(3),
              endoZipBase64: contents,
            },
      );
    },
    deleteBundle(bundleID) {
      // Begins no transaction if there is nothing to delete.
      if (fns.hasBundle(bundleID)) remove(bundleID);
    },

    getExportRecords,
    getArtifactNames,
    exportBundle,
    getBundleIDs,
    repairBundleRecord: fns.repairBundleRecord,

    dumpBundles: () => Object.fromEntries(fns.dumpBundles()),
  });
};

/**
 * Makes a bundleStore over a database.
 *
 * @param {unknown} db a Database, or an in-memory handle of better-sqlite3
 * @param {() => void} ensureTxn begins a transaction unless there is one
 * @param {(key: string, value: string | undefined) => void} [noteExport] receives changes of the export data
 */
const makeBundleStore = (db, ensureTxn, noteExport = () => {}) =>
  bundleStoreOver(borrowedPowers(db, 'bundles', ensureTxn, noteExport));

module.exports = { bundleIDFromName, bundleStoreOver, makeBundleStore };
