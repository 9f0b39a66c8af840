/**
 * Runs every code block of README.md, of the other pages next to it, and of docs/. `support/docs/pages.mjs` describes how a
 * block declares its needs. With UPDATE_DOCS=1, corrects the output in the pages instead of comparing it.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import * as api from '../../index.mjs';
import { checkCommand } from '../support/docs/commands.mjs';
import { makeExample } from '../support/docs/example-store.mjs';
import { pageNames, readBlocks, readText, root } from '../support/docs/pages.mjs';
import { runModule, runScript, runSession } from '../support/docs/run-blocks.mjs';
import { makeSandbox } from '../support/docs/sandbox.mjs';
import { callerOptions, compile, readConfig } from '../support/common/typescript.mjs';
import { makeTempDir, removeDir } from '../support/common/world.mjs';

// The examples use the paths and tools of a validator's machine.
const run = process.platform === 'linux' ? test : test.skip;

const exampleDir = makeTempDir();
test.before(() => makeExample(api, exampleDir));
test.after.always(() => removeDir(exampleDir));

/** Normalizes SQL. */
const plainSql = text => text.replace(/--.*$/gm, '').replace(/\s+/g, ' ').trim();

/** By language: a check of a block that does not depend on other blocks. */
const kinds = {
  console: runSession,
  sh: runScript,
  json: async ({ text }) => {
    JSON.parse(text);
    return [];
  },
  // The complete declarations of a store's tables.
  sql: async ({ text }) => {
    const db = new api.Database(path.join(exampleDir, 'swingstore.sqlite'), { readonly: true });
    const declared = db.prepare('SELECT sql FROM sqlite_master WHERE sql IS NOT NULL').pluck().all();
    db.close();
    const shown = text
      .split(';')
      .map(plainSql)
      .filter(statement => statement !== '');
    assert.deepEqual(shown.sort(), declared.map(plainSql).sort());
    return [];
  },
  ts: async ({ where, text }, sandbox) => {
    const file = sandbox.write(`${where.replace(/\W/g, '-')}.mts`, text);
    // Another test checks the declarations.
    const complaints = compile([file], { ...callerOptions(readConfig().options), skipLibCheck: true });
    if (complaints.length > 0) throw Error(`${where}: ${complaints.join('\n')}`);
    return [];
  },
};

/** Combines the blocks of JavaScript that form one program into one step. */
const toSteps = blocks => {
  const steps = [];
  let program;
  for (const block of blocks) {
    const { where, language, marker } = block;
    if (marker.skip) continue;
    if (language !== 'js') {
      if (!Object.hasOwn(kinds, language)) {
        throw Error(
          `${where}: blocks of "${language}" can't be run; say in a comment before it why: <!-- test: skip="…" -->`,
        );
      }
      steps.push(sandbox => kinds[language](block, sandbox));
    } else if (marker.continues) {
      if (!program) throw Error(`${where}: there is no program that this could continue`);
      program.push(block);
    } else {
      const blocksOfOne = [block];
      program = blocksOfOne;
      steps.push(sandbox => runModule(blocksOfOne, sandbox));
    }
  }
  return steps;
};

const correct = (name, corrections) => {
  const lines = readText(name).split('\n');
  // From the end, so that earlier line numbers stay valid.
  for (const { line, count, lines: better } of corrections.toSorted((a, b) => b.line - a.line)) {
    lines.splice(line, count, ...better);
  }
  fs.writeFileSync(path.join(root, name), lines.join('\n'));
};

for (const name of pageNames()) {
  const blocks = readBlocks(name);
  if (blocks.length === 0) continue;
  run(`${name}: its code blocks do what it says`, async t => {
    const sandbox = makeSandbox(exampleDir);
    t.teardown(sandbox.remove);
    const corrections = [];
    for (const step of toSteps(blocks)) corrections.push(...(await step(sandbox)));
    if (process.env.UPDATE_DOCS) correct(name, corrections);
    else
      for (const { where, lines } of corrections) t.fail(`${where}: the output is another one:\n${lines.join('\n')}`);
    t.pass();
  });

  const skipped = blocks.filter(({ marker }) => marker.skip);
  const shells = skipped.filter(({ language }) => ['sh', 'console'].includes(language));
  if (shells.length === 0) continue;
  test(`${name}: names in commands that are not run exist`, async t => {
    for (const { where, language, text } of shells) {
      // The other lines of a session are output.
      const commands = text.split('\n').filter(line => language === 'sh' || line.startsWith('$ '));
      t.true(commands.length > 0, where);
      for (const line of commands) t.deepEqual(await checkCommand(line), [], where);
    }
  });
}
