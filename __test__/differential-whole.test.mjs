// The store as a whole: everything mixed, exporters that stay open while the
// store goes on, and imports of each implementation's exports by the other.
import '@endo/init/debug.js';

import fc from 'fast-check';
import test from 'ava';
import path from 'node:path';
import { config } from './support/arbitraries/config.mjs';
import { mode } from './support/arbitraries/mutations.mjs';
import { wholeSteps } from './support/arbitraries/whole.mjs';
import { reference, subject } from './support/implementations.mjs';
import { compareImports } from './support/importing.mjs';
import { checkProperty } from './support/property.mjs';
import { runSideBySide } from './support/runner.mjs';
import { makeTempDir, removeDir } from './support/world.mjs';

const pair = [subject, reference];

const anyImport = fc.record({
  // Whose exporter both import from.
  from: fc.constantFrom(0, 1),
  exportMode: mode,
  importMode: mode,
  intoMemory: fc.boolean(),
});

const examples = fc.record({
  config: config.map(c => ({ ...c, memory: false })),
  lookOften: fc.boolean(),
  steps: wholeSteps({ maxLength: 20 }),
  tail: wholeSteps({ maxLength: 4 }),
  imports: fc.array(anyImport, { maxLength: 3 }),
});

const importEach = (worlds, base, imports) =>
  imports.reduce(async (before, choice, i) => {
    await before;
    const { from, exportMode, importMode, intoMemory } = choice;
    const { impl, dir, tidy } = worlds[from];
    const makeExporter = () => ({
      exporter: impl.api.makeSwingStoreExporter(dir, { artifactMode: exportMode }),
      tidy,
    });
    const into = intoMemory ? null : path.join(base, `import-${i}`);
    const options = { artifactMode: importMode };
    const what = `import ${i}, ${importMode} of ${exportMode} by ${impl.name}`;
    await compareImports(pair, into, makeExporter, options, what);
  }, Promise.resolve());

test('everything mixed, exported and imported', async t => {
  const check = async ({ imports, ...example }) => {
    const base = makeTempDir();
    try {
      await runSideBySide(pair, {
        ...example,
        afterwards: worlds => importEach(worlds, base, imports),
      });
    } finally {
      removeDir(base);
    }
  };
  await checkProperty(t, examples, check, { runs: 60 });
});
