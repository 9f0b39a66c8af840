// Features that only Node.js has: buffers and strings over foreign memory.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the addon hands JavaScript no memory of its own', t => {
  const sources = fs.readdirSync(path.join(root, 'src'), { recursive: true }).filter(name => name.endsWith('.rs'));
  t.true(sources.length > 100);
  for (const name of sources) {
    const text = fs.readFileSync(path.join(root, 'src', name), 'utf8');
    // Electron refuses these; memory that belongs to a function or an object (`napi_create_external`) is allowed.
    t.notRegex(text, /create_external_?(arraybuffer|buffer|string)|external_arraybuffer|Buffer(Slice)?::from/, name);
    t.notRegex(text, /node_api_create_(external|property_key)/, name);
  }
});
