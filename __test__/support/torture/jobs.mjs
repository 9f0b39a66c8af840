// The jobs to kill, each as a function of a directory with its inputs: see `job-checks.mjs`.
import path from 'node:path';
import process from 'node:process';

import * as api from '../../../index.mjs';
import { runBlock } from './random-blocks.mjs';
import { CONFIGS, makeWitness, optionsFor } from './store-kinds.mjs';

const commitAndClose = async ({ hostStorage }) => {
  await hostStorage.commit();
  await hostStorage.close();
};

const archival = { artifactMode: 'archival' };
const debug = { artifactMode: 'debug' };

/** Runs the command line in this process, whose end also ends it. */
const cli = (...args) => {
  process.argv.splice(2, Infinity, ...args);
  return new Promise((resolve, reject) => {
    process.once('beforeExit', code => {
      // Exit code 1 means findings, which this store has.
      if (code > 1) return reject(Error(`it ended with code ${code}`));
      process.exitCode = 0;
      return resolve();
    });
    import('../../../bin/swing-store.js').catch(reject);
  });
};

/** @type {Record<string, (at: (name: string) => string) => Promise<unknown>>} */
export const works = {
  async importSwingStore(at) {
    const exporter = api.makeSwingStoreExporter(at('full'), archival);
    await commitAndClose(await api.importSwingStore(exporter, at('to'), archival));
  },
  async importSwingStoreAsFile(at) {
    const exporter = api.makeSwingStoreExporter(at('full'), archival);
    const file = path.join(at('to'), 'swingstore.sqlite');
    await commitAndClose(await api.importSwingStore(exporter, file, { ...archival, asFile: true }));
  },
  importFromDirectory: async at => commitAndClose(await api.importSwingStoreFromDirectory(at('export'), at('to'))),
  importSafely: async at =>
    commitAndClose(await api.importSwingStoreFromDirectory(at('export'), at('to'), { unsafeFastMode: false })),
  importByCli: at => cli('import', '--state-dir', at('to'), '--export-dir', at('export')),

  exportToDirectory: at => api.exportSwingStoreToDirectory(at('full'), at('to'), archival),
  exportCompressed: at => api.exportSwingStoreToDirectory(at('full'), at('to'), { ...archival, compress: true }),
  async exportReusing(at) {
    const options = { ...archival, reuse: at('previous') };
    const { reused } = await api.exportSwingStoreToDirectory(at('full'), at('to'), options);
    if (!reused?.linked) throw Error('nothing was reused');
  },
  exportByCli: at =>
    cli(
      'export',
      '--state-dir',
      at('full'),
      '--export-dir',
      at('to'),
      '--artifact-mode',
      'archival',
      '--export-data-mode',
      'all',
    ),

  repair: at => api.repairSwingStoreFromDirectory(at('export'), at('to')),
  repairByCli: at =>
    cli('import', '--state-dir', at('to'), '--export-dir', at('export'), '--export-data-mode', 'repair-metadata'),

  repopulateFromDirectory: at => api.repopulateSwingStoreFromDirectory(at('everything'), at('to'), debug),
  async repopulate(at) {
    await api.repopulateSwingStore(api.makeSwingStoreExporter(at('full'), debug), at('to'), debug);
  },
  repopulateByCli: at =>
    cli('repopulate', '--state-dir', at('to'), '--from', at('everything'), '--artifact-mode', 'debug'),

  prune: at => api.pruneSwingStore(at('to'), { keep: 'operational', budget: 70 }),
  pruneByCli: at => cli('prune', '--state-dir', at('to'), '--keep', 'operational'),

  reclaim: at => api.reclaimSwingStoreSpace(at('to'), { method: 'rewrite' }),
  reclaimByCli: at => cli('reclaim', '--state-dir', at('to')),

  archive: at => api.archiveSwingStore(at('full'), at('to')),
  archiveByCli: at => cli('archive', '--state-dir', at('full'), '--archive-dir', at('to')),

  reportByCli: at => cli('inspect', '--state-dir', at('full'), '--html', path.join(at('to'), 'report.html')),

  /** Runs some blocks and archives ended spans. */
  async kernel(at) {
    const options = optionsFor(api, CONFIGS[1], makeWitness(), path.join(at('to'), 'archive'));
    const store = api.initSwingStore(path.join(at('to'), 'store'), options);
    for (let height = 1; height <= 30; height += 1) {
      await runBlock(store, 7, height);
      await store.hostStorage.commit();
    }
    await store.hostStorage.close();
  },

  async init(at) {
    const store = api.initSwingStore(at('to'));
    store.kernelStorage.kvStore.set('new', 'yes');
    await commitAndClose(store);
  },
};
