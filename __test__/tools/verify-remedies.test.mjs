// Advice in findings: for each finding of a verification, the command in its message is run, and the finding disappears.
import '@endo/init/debug.js';

import test from 'ava';
import sqlite3 from 'better-sqlite3';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { program } from '../support/common/cli.mjs';
import { outcomeOf } from '../support/common/run-program.mjs';
import { exportedByReference, offer, readArtifacts } from '../support/tools/artifacts.mjs';
import { subject } from '../support/common/implementations.mjs';
import { makeAsKernel } from '../support/tools/kernel-like-store.mjs';
import { subjectIsReference } from '../support/common/settings.mjs';
import { inTempDir } from '../support/common/world.mjs';

const {
  Database,
  compactSwingStore,
  exportSwingStoreToDirectory,
  openSwingStore,
  repopulateSwingStore,
  verifySwingStore,
} = subject.api;

// The reference has no function for this.
const check = subjectIsReference ? test.skip : test;

const fileIn = dir => path.join(dir, 'swingstore.sqlite');

/** Changes a store by SQL. */
const alter = (dir, sql) => {
  const db = new Database(fileIn(dir));
  db.pragma('ignore_check_constraints = 1');
  db.exec(sql);
  db.close();
};

/** Runs a command line of a message in a shell, with `DIR` for the directory. */
const run = (command, directory) => {
  const words = command.replace(/^swing-store /, '').replace(/\bDIR\b/, directory);
  return outcomeOf(
    spawn('sh', ['-c', `"$0" "$1" ${words}`, process.execPath, program], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
};

const item = ({ vatID, startPos }, by) => `vatID = '${vatID}' AND position = ${startPos + by}`;

/** Finds a historical span, and the current span of `v1`. */
const places = dir => {
  const db = new Database(fileIn(dir), { readonly: true });
  const of = sql => db.prepare(sql).get();
  const found = {
    old: of(`SELECT vatID, startPos, endPos FROM transcriptSpans
             WHERE isCurrent IS NULL AND endPos > startPos + 2 AND startPos > 0
               AND vatID IN (SELECT vatID FROM transcriptSpans WHERE isCurrent = 1)
               AND incarnation = (SELECT MAX(incarnation) FROM transcriptSpans t WHERE t.vatID = transcriptSpans.vatID)`),
    current: of('SELECT vatID, startPos, endPos FROM transcriptSpans WHERE isCurrent = 1 AND endPos > startPos + 2'),
    inUse: of('SELECT vatID, snapPos FROM snapshots WHERE inUse = 1'),
    unused: of('SELECT vatID, snapPos FROM snapshots WHERE inUse IS NULL AND compressedSnapshot IS NOT NULL'),
  };
  found.oldItem = of(`SELECT item, incarnation FROM transcriptItems WHERE ${item(found.old, 1)}`);
  db.close();
  return found;
};

const items = ({ vatID, startPos, endPos }, more = '') =>
  `vatID = '${vatID}' AND position >= ${startPos} AND position < ${endPos} ${more}`;
const snapshot = ({ vatID, snapPos }) => `vatID = '${vatID}' AND snapPos = ${snapPos}`;

/** Changes a table without its index. */
const loseIndex = dir => {
  // Our Database rejects writes to the schema's own table.
  const db = sqlite3(fileIn(dir)).unsafeMode(true);
  const of = "WHERE name = 'currentTranscriptIndex'";
  const row = db.prepare(`SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema ${of}`).raw().get();
  db.exec(`PRAGMA writable_schema = 1; DELETE FROM sqlite_schema ${of}`);
  db.close();
  alter(dir, 'UPDATE transcriptSpans SET rowid = rowid + 1000');
  const again = sqlite3(fileIn(dir)).unsafeMode(true);
  again.pragma('writable_schema = 1');
  again.prepare('INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?)').run(row);
  again.close();
};

/** By kind of finding: the damage to a store, and the mode in which it is found. */
const damages = {
  'span-gap': {
    sql: ({ old }) => `DELETE FROM transcriptSpans WHERE vatID = '${old.vatID}' AND startPos = ${old.startPos}`,
  },
  'span-pruned': { sql: ({ old }) => `DELETE FROM transcriptItems WHERE ${items(old)}`, artifactMode: 'replay' },
  'span-pruned of a current span': { sql: ({ current }) => `DELETE FROM transcriptItems WHERE ${items(current)}` },
  'span-half-pruned': { sql: ({ old }) => `DELETE FROM transcriptItems WHERE ${item(old, 0)}` },
  'span-incomplete': { sql: ({ old }) => `DELETE FROM transcriptItems WHERE ${item(old, 1)}` },
  'span-incomplete with its last items': {
    sql: ({ old }) => `DELETE FROM transcriptItems WHERE ${item(old, 0)}`,
    artifactMode: 'archival',
  },
  'span-incomplete of a current span': {
    sql: ({ current }) => `DELETE FROM transcriptItems WHERE ${item(current, 0)}`,
  },
  'span-hash': { sql: ({ old }) => `UPDATE transcriptItems SET item = item || ' ' WHERE ${item(old, 1)}` },
  'span-hash of a current span': {
    sql: ({ current }) => `UPDATE transcriptItems SET item = 'other' WHERE ${item(current, 0)}`,
  },
  'frame-unreadable': {
    isCompacted: true,
    sql: ({ old }) =>
      `UPDATE compressedItems SET frame = x'01' WHERE vatID = '${old.vatID}' AND startPos = ${old.startPos}`,
  },
  'frame-overlap': {
    isCompacted: true,
    sql: ({ old, oldItem }) =>
      `INSERT INTO transcriptItems (vatID, position, item, incarnation)
       VALUES ('${old.vatID}', ${old.startPos + 1}, '${oldItem.item} ', ${oldItem.incarnation})`,
  },
  'item-incarnation': { sql: ({ old }) => `UPDATE transcriptItems SET incarnation = 7 WHERE ${item(old, 1)}` },
  'bad-value of an item': { sql: ({ old }) => `UPDATE transcriptItems SET item = x'00' WHERE ${item(old, 1)}` },
  'snapshot-pruned': { sql: ({ inUse }) => `UPDATE snapshots SET compressedSnapshot = NULL WHERE ${snapshot(inUse)}` },
  'snapshot-gzip': {
    sql: ({ inUse }) => `UPDATE snapshots SET compressedSnapshot = x'1f8b00' WHERE ${snapshot(inUse)}`,
  },
  'snapshot-gzip of an unused one': {
    sql: ({ unused }) => `UPDATE snapshots SET compressedSnapshot = x'00' WHERE ${snapshot(unused)}`,
  },
  'snapshot-hash': {
    sql: ({ inUse, unused }) =>
      `UPDATE snapshots SET compressedSnapshot = (SELECT compressedSnapshot FROM snapshots WHERE ${snapshot(unused)})
       WHERE ${snapshot(inUse)}`,
  },
  'snapshot-size': { sql: ({ inUse }) => `UPDATE snapshots SET uncompressedSize = 1 WHERE ${snapshot(inUse)}` },
  'snapshot-size of the compressed': {
    sql: ({ unused }) => `UPDATE snapshots SET compressedSize = 1 WHERE ${snapshot(unused)}`,
  },
  'bad-value of a snapshot': {
    sql: ({ inUse }) => `UPDATE snapshots SET compressedSnapshot = 'text' WHERE ${snapshot(inUse)}`,
  },
  'bundle-pruned': { sql: () => `UPDATE bundles SET bundle = NULL` },
  'bundle-invalid': { sql: () => `UPDATE bundles SET bundle = CAST(bundle AS TEXT) || ' ' WHERE bundleID LIKE 'b0-%'` },
  'bundle-invalid of an archive': { sql: () => `UPDATE bundles SET bundle = x'504b' WHERE bundleID LIKE 'b1-%'` },
  'bad-value of a bundle': { sql: () => `UPDATE bundles SET bundle = CAST(bundle AS BLOB) WHERE bundleID LIKE 'b0-%'` },
};

/** Makes a store with a current span of some length, and a complete export of it. */
const makeSound = async base => {
  const sound = path.join(base, 'sound');
  await makeAsKernel(subject.api, sound, { keepSnapshots: true });
  const store = openSwingStore(sound);
  for (const n of [1, 2, 3, 4]) store.kernelStorage.transcriptStore.addItem('v1', `{"d":["message",${n}],"sc":[]}`);
  await store.hostStorage.commit();
  await store.hostStorage.close();
  const all = path.join(base, 'all');
  await exportSwingStoreToDirectory(sound, all, { artifactMode: 'debug' });
  return { sound, all };
};

check('each finding names the command that repairs it', async t => {
  await inTempDir(async base => {
    const { sound, all } = await makeSound(base);
    const where = places(sound);
    for (const [what, { sql, artifactMode = 'operational', isCompacted = false }] of Object.entries(damages)) {
      const [kind] = what.split(' ');
      // The name needs quoting in a shell.
      const dir = path.join(base, `it's ${what}`);
      fs.cpSync(sound, dir, { recursive: true });
      if (isCompacted) await compactSwingStore(dir);
      alter(dir, sql(where));
      const { findings } = await verifySwingStore(dir, { artifactMode });
      const finding = findings.find(found => found.kind === kind);
      t.truthy(finding, `${what}: ${JSON.stringify(findings)}`);
      const [, command] = finding.message.match(/`(swing-store [^`]*)`/) ?? [];
      t.truthy(command, finding.message);
      const { code, stdout, stderr } = await run(command, all);
      t.is(code, 0, `${what}: ${command}: ${stdout}${stderr}`);
      const { findings: after } = await verifySwingStore(dir, { artifactMode });
      t.deepEqual(after, [], `${what}: ${command}: ${stdout}`);
    }
  });
});

check('if no command repairs a finding, its message says so', async t => {
  await inTempDir(async base => {
    const { sound } = await makeSound(base);
    for (const [kind, sql] of Object.entries({
      'sqlite-integrity': undefined,
      'bad-value': `UPDATE kvStore SET value = x'00' WHERE key = 'v1.vs.1'`,
      'bad-mark': `UPDATE transcriptSpans SET isCurrent = 0 WHERE startPos = 0 AND vatID = 'v1'`,
      'bad-name': `UPDATE bundles SET bundleID = 'b0.1' WHERE bundleID LIKE 'b0%'`,
      'bad-activityhash': `UPDATE kvStore SET value = 'x' WHERE key = 'activityhash'`,
      'span-bounds': `UPDATE transcriptSpans SET endPos = -1 WHERE startPos = 0 AND vatID = 'v1'`,
      'span-overlap': `UPDATE transcriptSpans SET endPos = endPos + 1 WHERE startPos = 0 AND vatID = 'v1'`,
      'incarnation-back': `UPDATE transcriptSpans SET incarnation = 9 WHERE startPos = 0 AND vatID = 'v1'`,
      'current-span-missing': `UPDATE transcriptSpans SET isCurrent = NULL WHERE vatID = 'v1'`,
      'stray-item': `INSERT INTO transcriptItems VALUES ('v77', 0, 'x', 0)`,
      'snapshot-unmatched': `UPDATE snapshots SET snapPos = snapPos + 3 WHERE vatID = 'v1' AND inUse = 1`,
      'load-snapshot-unmatched': `UPDATE snapshots SET inUse = NULL WHERE vatID = 'v1'`,
    })) {
      const dir = path.join(base, kind);
      fs.cpSync(sound, dir, { recursive: true });
      if (sql) alter(dir, sql);
      else loseIndex(dir);
      const { findings } = await verifySwingStore(dir);
      const finding = findings.find(found => found.kind === kind);
      if (kind === 'snapshot-unmatched' && !finding) continue;
      t.truthy(finding, `${kind}: ${JSON.stringify(findings)}`);
      t.regex(finding.message, /[Rr]estore/, kind);
      t.notRegex(finding.message, /UPDATE |DELETE |Set it/, kind);
    }
  });
});

check('only damaged data is replaced, and only by data with its hash', async t => {
  await inTempDir(async base => {
    const { sound, all } = await makeSound(base);
    const before = await exportedByReference(sound, 'debug');
    const artifacts = readArtifacts(all);
    const dir = path.join(base, 'store');
    fs.cpSync(sound, dir, { recursive: true });
    const untouched = await repopulateSwingStore(offer(artifacts), dir, { replaceDamaged: true });
    t.like(untouched, { filled: [], replaced: [], refused: [], present: artifacts.size });
    t.is(untouched.locking.transactions, 0);

    const where = places(dir);
    const span = `transcript.${where.old.vatID}.${where.old.startPos}.${where.old.endPos}`;
    const image = `snapshot.${where.unused.vatID}.${where.unused.snapPos}`;
    const bundle = [...artifacts.keys()].find(name => name.startsWith('bundle.b1'));
    alter(
      dir,
      `UPDATE transcriptItems SET item = item || '!' WHERE ${items(where.old)};
       UPDATE snapshots SET compressedSnapshot = x'00' WHERE ${snapshot(where.unused)};
       UPDATE bundles SET bundle = x'00' WHERE bundleID = '${bundle.slice(7)}'`,
    );
    const damaged = fs.readFileSync(fileIn(dir));
    const wrong = new Map([...artifacts].map(([name, bytes]) => [name, Buffer.concat([bytes, Buffer.from('x')])]));
    const refused = await repopulateSwingStore(offer(wrong), dir, { replaceDamaged: true });
    t.deepEqual(refused.refused.map(({ name }) => name).sort(), [bundle, image, span].sort());
    t.deepEqual(refused.replaced, []);
    t.deepEqual(fs.readFileSync(fileIn(dir)), damaged);
    // Without the option it is not restored.
    t.deepEqual((await repopulateSwingStore(offer(artifacts), dir)).filled, []);

    // In any mode, and each in one transaction.
    const report = await repopulateSwingStore(offer(artifacts), dir, {
      replaceDamaged: true,
      artifactMode: 'operational',
      maxTransactionBytes: 1,
    });
    t.deepEqual([...report.replaced].sort(), [bundle, image, span].sort());
    t.like(report, { filled: [], refused: [], missing: [] });
    t.is(report.locking.transactions, 3);
    t.deepEqual(await exportedByReference(dir, 'debug'), before);
  });
});

check('a current span is repaired from a node at another block while the kernel runs', async t => {
  await inTempDir(async base => {
    const { sound, all } = await makeSound(base);
    const { current } = places(sound);
    const artifacts = readArtifacts(all);
    const name = `transcript.v1.${current.startPos}.${current.endPos}`;
    const store = openSwingStore(sound);
    const { transcriptStore } = store.kernelStorage;
    const add = async n => {
      transcriptStore.addItem('v1', `{"d":["message",${n}],"sc":[]}`);
      await store.hostStorage.commit();
    };
    const damage = () => alter(sound, `UPDATE transcriptItems SET item = 'lost' WHERE ${item(current, 1)}`);
    const isSound = async () => (await verifySwingStore(sound)).ok;
    const replace = (changed = artifacts) => repopulateSwingStore(offer(changed), sound, { replaceDamaged: true });

    // The other node has fewer items.
    await add(5);
    await add(6);
    damage();
    t.false(await isSound());
    const lines = `${artifacts.get(name)}`.split('\n');
    const [first, second, ...rest] = lines;
    const swapped = new Map([[name, [second, first, ...rest].join('\n')]]);
    t.is((await replace(swapped)).refused[0].code, 'ERR_SWING_STORE_INVALID');
    t.deepEqual((await replace()).replaced, [name]);
    t.true(await isSound());
    t.is((await replace()).locking.transactions, 0);

    // The kernel commits while the artifact is being read.
    damage();
    const growing = new Map([
      [
        name,
        async function* slow() {
          yield artifacts.get(name);
          await add(7);
        },
      ],
    ]);
    t.deepEqual((await replace(growing)).replaced, [name]);
    t.true(await isSound());

    // The other node has more items.
    const ahead = path.join(base, 'ahead');
    fs.cpSync(sound, ahead, { recursive: true });
    const other = openSwingStore(ahead);
    for (const n of [8, 9]) other.kernelStorage.transcriptStore.addItem('v1', `{"d":["message",${n}],"sc":[]}`);
    await other.hostStorage.commit();
    await other.hostStorage.close();
    await exportSwingStoreToDirectory(ahead, path.join(base, 'ahead export'));
    damage();
    const report = await replace(readArtifacts(path.join(base, 'ahead export')));
    t.deepEqual(report.replaced, [`transcript.v1.${current.startPos}.${current.endPos + 5}`]);
    t.true(await isSound());

    // The span was ended meanwhile, so its record differs.
    damage();
    const ended = new Map([
      [
        name,
        async function* slow() {
          yield artifacts.get(name);
          await transcriptStore.rolloverSpan('v1');
          await store.hostStorage.commit();
        },
      ],
    ]);
    t.deepEqual(
      (await replace(ended)).refused.map(({ name: of }) => of),
      [name],
    );
    t.false(await isSound());

    // The kernel continues as before.
    await add(8);
    t.is([...transcriptStore.readSpan('v1')].length, 1);
    await store.hostStorage.close();
  });
});
