// Bundles to store: valid ones of both formats, and ones with faults that a store must detect.
import { encodeBase64 } from '@endo/base64';
import { ZipWriter } from '@endo/zip';
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const hash = (algorithm, bytes) => createHash(algorithm).update(bytes).digest('hex');

export const makeB0 = (source, more = {}) => {
  const bundle = { moduleFormat: 'nestedEvaluate', source, ...more };
  return { id: `b0-${hash('sha256', JSON.stringify(bundle))}`, bundle };
};

/**
 * Makes the smallest archive that a bundle check accepts: one data module.
 *
 * @param {string} text the module's text
 * @param {(files: { map: any, text: string }) => void} [spoil] changes the contents after they were hashed
 */
export const makeB1 = (text, spoil = () => {}) => {
  const files = {
    text,
    extra: undefined,
    map: {
      tags: [],
      entry: { compartment: 'app-v1.0.0', module: './data.json' },
      compartments: {
        'app-v1.0.0': {
          name: 'app',
          label: 'app-v1.0.0',
          location: 'app-v1.0.0',
          modules: {
            './data.json': {
              location: 'data.json',
              parser: 'json',
              sha512: hash('sha512', text),
            },
          },
        },
      },
    },
  };
  const honestMap = JSON.stringify(files.map, null, 2);
  spoil(files);
  const mapText = JSON.stringify(files.map, null, 2);
  const writer = new ZipWriter({ date: new Date(0) });
  writer.write('compartment-map.json', Buffer.from(mapText));
  if (files.text !== undefined) {
    writer.write('app-v1.0.0/data.json', Buffer.from(files.text));
  }
  if (files.extra !== undefined) {
    writer.write('app-v1.0.0/extra.json', Buffer.from(files.extra));
  }
  const bytes = Buffer.from(writer.snapshot());
  const sha512 = hash('sha512', honestMap);
  return {
    id: `b1-${sha512}`,
    bytes,
    bundle: {
      moduleFormat: 'endoZipBase64',
      endoZipBase64Sha512: sha512,
      endoZipBase64: encodeBase64(bytes),
    },
  };
};

const b0a = makeB0('() => 1');
const b0b = makeB0('() => "é \u{1f600} \ud800 \\n"', { sourceMap: '//map' });
const b0c = makeB0('x'.repeat(200_000), { oddity: [1, null] });
const b1a = makeB1('{"answer":42}');
const b1b = makeB1(`{"long":"${'é'.repeat(10_000)}"}`);

/** Bundles by name, so that a failing example is short. */
export const bundles = {
  b0a,
  b0b,
  b0c,
  b1a,
  b1b,
  wrongB0ID: { id: `b0-${'0'.repeat(64)}`, bundle: b0a.bundle },
  wrongB1ID: { id: `b1-${'0'.repeat(128)}`, bundle: b1a.bundle },
  b1InB0: { id: b0a.id, bundle: b1a.bundle },
  b0InB1: { id: b1a.id, bundle: b0a.bundle },
  unknownFormat: { id: b0a.id, bundle: { moduleFormat: 'getExport', source: '' } },
  noFormat: { id: b1a.id, bundle: {} },
  unsupportedID: { id: 'b2-1234', bundle: b0a.bundle },
  emptyID: { id: '', bundle: b0a.bundle },
  notBase64: {
    id: b1a.id,
    bundle: { ...b1a.bundle, endoZipBase64: 'not base64!' },
  },
  unpadded: {
    id: b1a.id,
    bundle: { ...b1a.bundle, endoZipBase64: 'YWI' },
  },
  trailing: {
    id: b1a.id,
    bundle: { ...b1a.bundle, endoZipBase64: 'YQ==YQ==' },
  },
  // addBundle does not check the contents of an archive.
  otherArchive: {
    id: b1b.id,
    bundle: { ...b1b.bundle, endoZipBase64: b1a.bundle.endoZipBase64 },
  },
  emptyArchive: {
    id: b1a.id,
    bundle: { ...b1a.bundle, endoZipBase64: '' },
  },
};
