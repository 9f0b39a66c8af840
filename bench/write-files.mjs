/**
 * The least that a host spends on writing an export's artifacts in JavaScript: writes files of the same sizes from chunks in
 * memory, as cosmic-swingset writes those of an exporter.
 *
 *     node bench/write-files.mjs EXPORT-DIRECTORY NEW-DIRECTORY
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeMeter } from './lib/meter.mjs';

const CHUNK_BYTES = 256 * 1024;

const [from, to] = process.argv.slice(2);
const names = readdirSync(from).filter(name => !name.startsWith('export-'));
const files = names.map(name => ({ file: path.join(to, name), size: statSync(path.join(from, name)).size }));
const chunk = Buffer.alloc(CHUNK_BYTES, 'x');
async function* chunksOf(size) {
  for (let at = 0; at < size; at += chunk.length) yield chunk.subarray(0, Math.min(chunk.length, size - at));
}

mkdirSync(to);
const { measure, figures } = makeMeter(false);
await measure(async () => {
  for (const { file, size } of files) await writeFile(file, chunksOf(size));
});
rmSync(to, { recursive: true });
const { wall, cpu } = figures();
console.log(`${files.length} files: ${wall.toFixed(2)} s, ${cpu.toFixed(2)} s of processor time`);
