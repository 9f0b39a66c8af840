/**
 * Demonstrates the package: exports a store to a directory, imports the directory into a new store, and compares the two
 * stores byte for byte.
 *
 *     npm run demo                      with a generated store
 *     npm run demo -- --store DIR       with a store of your own, which is only read
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from './setup.mjs';

const usage = `Usage: npm run demo -- [options]

  --store DIR      export this store (a directory with a swingstore.sqlite), which is only read;
                   without it, a store with some history is made
  --keep           keep what was made, and say where
  --no-reference   do not compare with @agoric/swing-store
  --help           print this`;

const artifactMode = 'replay';

/** An error for the user of the demo: printed without a stack. */
class DemoError extends Error {}

const readArguments = () => {
  const options = {
    store: { type: 'string' },
    keep: { type: 'boolean', default: false },
    'no-reference': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new DemoError(`${error.message}\n\n${usage}`);
  }
};

const insistSame = (whose, found) => {
  if (found.length === 0) return;
  const more = found.length > 10 ? [`... and ${found.length - 10} more`] : [];
  throw new DemoError([`${whose} differs:`, ...[...found.slice(0, 10), ...more].map(line => `  ${line}`)].join('\n'));
};

const demo = async ({ store, keep, 'no-reference': noReference }) => {
  // Imported after the setup: these need what it installs and builds.
  const { load, ours } = await import('./demo/load.mjs');
  const { makeHistory } = await import('./demo/history.mjs');
  const { openExport, writeExport } = await import('./demo/directory.mjs');
  const { differences, digest } = await import('./demo/digest.mjs');
  const { askReference } = await import('./demo/ask-reference.mjs');
  const { makeTemporary } = await import('./demo/temporary.mjs');
  const { artifactTable, formatBytes, say, stepTable, withBar } = await import('./demo/report.mjs');

  const swingStore = await load(process.env.SWING_STORE_UNDER_TEST ?? ours);
  const { importSwingStore, isSwingStore, makeSwingStoreExporter } = swingStore;
  if (store !== undefined && !isSwingStore(store)) {
    throw new DemoError(`no swing-store (swingstore.sqlite) in ${store}`);
  }

  const { dir } = makeTemporary(keep);
  const storeDir = store ?? path.join(dir, 'store');
  const exportDir = path.join(dir, 'export');
  const copyDir = path.join(dir, 'copy');
  const steps = [];
  /** Runs one step, shows a progress bar, and records the time it took. */
  const step = async (what, bytes, act) => {
    const { result, seconds } = await withBar(what, act);
    steps.push({ what, bytes, seconds });
    return result;
  };

  if (store === undefined) {
    const made = await step('make a store', 0, onProgress => makeHistory(swingStore, storeDir, onProgress));
    say(`Made a store with ${made.blocks} blocks and ${made.vats} vats, one of them upgraded.`);
  }

  const written = await step('export', 0, async onProgress => {
    const exporter = makeSwingStoreExporter(storeDir, { artifactMode });
    try {
      return await writeExport(exporter, artifactMode, exportDir, onProgress);
    } finally {
      await exporter.close();
    }
  });
  const { blockHeight, entries, artifacts } = written;
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, written.dataBytes);
  steps.at(-1).bytes = bytes;
  say(
    `Exported it at block ${blockHeight}, in ${artifactMode} mode: ${entries} entries of export data, ` +
      `${artifacts.length} artifacts, ${formatBytes(bytes)}.`,
  );

  await step('import', bytes, async onProgress => {
    const { manifest, exporter } = await openExport(exportDir, onProgress);
    const { hostStorage } = await importSwingStore(exporter, copyDir, { artifactMode });
    hostStorage.kvStore.set('host.height', String(manifest.blockHeight));
    await hostStorage.commit();
    await hostStorage.close();
  });
  say('Imported it into a new store; every artifact was checked against its hash.');

  const [original, copy] = await step('compare', 2 * bytes, async onProgress => {
    const of = 2 * artifacts.length;
    const first = await digest(swingStore, storeDir, artifactMode, done => onProgress(done, of));
    const second = await digest(swingStore, copyDir, artifactMode, done => onProgress(artifacts.length + done, of));
    return [first, second];
  });
  insistSame('the new store', differences(original, copy));
  say('Compared the two stores: their export data and artifacts are the same.');

  if (!noReference) {
    const [first, second] = await step('compare with the reference', 2 * bytes, async () => [
      await askReference(storeDir, artifactMode),
      await askReference(copyDir, artifactMode),
    ]);
    if (first && second) {
      insistSame("the reference's export of the first store", differences(original, first));
      insistSame("the reference's export of the new store", differences(original, second));
      say('Compared both with what @agoric/swing-store exports from them: the same.');
    } else {
      steps.pop();
      say('Skipped the comparison with @agoric/swing-store: it is not installed or cannot be loaded.');
    }
  }

  say(artifactTable(artifacts));
  say(stepTable(steps));
  if (keep) say(`Kept: ${dir}`);
};

try {
  const options = readArguments();
  if (options.help) {
    console.log(usage);
  } else {
    await setup();
    await demo(options);
  }
} catch (error) {
  // Most errors here are for the user; a stack helps only developers of this project.
  console.error(process.env.DEBUG ? error : `demo: ${error.message}`);
  process.exitCode = 1;
}
