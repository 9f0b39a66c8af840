/**
 * The package in several realms: jest loads it again for each test file, while Node.js loads the addon once. A store's
 * errors belong to the realm that loaded the package.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import test from 'ava';

const root = fileURLToPath(new URL('../..', import.meta.url));
const realRequire = createRequire(import.meta.url);

/** Loads the package as jest does: all its files in a context, Node's own modules and addons outside of it. */
const loadInRealm = () => {
  const context = vm.createContext({
    process,
    Buffer,
    Uint8Array,
    AbortSignal,
    setTimeout,
    clearTimeout,
    setImmediate,
  });
  const modules = new Map();
  const load = file => {
    if (modules.has(file)) return modules.get(file).exports;
    const module = { exports: vm.runInContext('({})', context) };
    modules.set(file, module);
    const source = `(function (exports, require, module, __dirname) {${readFileSync(file, 'utf8')}\n})`;
    const dirname = path.dirname(file);
    const require = id => (id.startsWith('.') ? load(path.resolve(dirname, id)) : realRequire(id));
    vm.runInContext(source, context, { filename: file })(module.exports, require, module, dirname);
    return module.exports;
  };
  return { swingStore: load(path.join(root, 'index.js')), realm: name => vm.runInContext(name, context) };
};

const thrownBy = act => {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw Error('nothing was thrown');
};

const checkErrors = (t, { swingStore, realm }) => {
  const { kernelStorage, hostStorage, internal } = swingStore.initSwingStore();

  const refused = thrownBy(() => kernelStorage.kvStore.set('host.key', 'value'));
  t.true(refused instanceof realm('Error'));
  t.false(refused instanceof Error);
  t.is(refused.message, 'kernelKVStore refuses host keys');
  t.is(refused.code, 'ERR_SWING_STORE_KEY');
  t.deepEqual(Object.keys(refused), ['code']);

  const wrong = thrownBy(() => internal.db.prepare('SELECT nothing FROM nowhere'));
  t.true(wrong instanceof realm('Error'));
  t.is(wrong.constructor.name, 'SqliteError');
  t.is(wrong.code, 'SQLITE_ERROR');

  internal.db.close();
  t.true(thrownBy(() => internal.db.prepare('SELECT 1')) instanceof realm('TypeError'));
  return hostStorage.close().catch(() => {});
};

test('errors belong to the realm that loaded the package', t => checkErrors(t, loadInRealm()));

test('rejections belong to that realm, too', async t => {
  const { swingStore, realm } = loadInRealm();
  const { kernelStorage } = swingStore.initSwingStore();
  const error = await kernelStorage.transcriptStore.rolloverSpan('v1').then(
    () => null,
    reason => reason,
  );
  t.true(error instanceof realm('Error'));
  t.regex(error.message, /no current transcript/);
});

test('several realms, one after the other', async t => {
  const first = loadInRealm();
  const second = loadInRealm();
  await checkErrors(t, first);
  await checkErrors(t, second);
  await checkErrors(t, first);
});

test('in the main realm, errors are unchanged', t => {
  loadInRealm().swingStore.initSwingStore();
  const { initSwingStore } = realRequire('../..');
  const { kernelStorage } = initSwingStore();
  t.true(thrownBy(() => kernelStorage.kvStore.set('host.key', 'value')) instanceof Error);
});

test('return values look the same from that realm', async t => {
  const { swingStore } = loadInRealm();
  const { kernelStorage, hostStorage, debug } = swingStore.initSwingStore();
  kernelStorage.kvStore.set('key', 'value');
  await kernelStorage.snapStore.saveSnapshot('v1', 1, [new Uint8Array([1, 2]), Buffer.from('three')]);
  await hostStorage.commit();
  const { kvEntries, snapshots } = JSON.parse(JSON.stringify(debug.dump()));
  t.deepEqual(kvEntries, { key: 'value' });
  t.is(snapshots.v1.length, 1);
  const chunks = [];
  for await (const chunk of kernelStorage.snapStore.loadSnapshot('v1')) chunks.push(chunk);
  t.deepEqual(Buffer.concat(chunks), Buffer.concat([Buffer.from([1, 2]), Buffer.from('three')]));
});
