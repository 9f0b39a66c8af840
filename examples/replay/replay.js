#!/usr/bin/env node
// Replays vats of a swing-store in xsnap workers, and compares them with the recorded transcripts. See README.md.

import '@endo/init';

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { xsnap } from '@agoric/xsnap';
import * as api from 'swing-store-native';

import { main } from './lib/main.js';

const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));

// If the reader of the output is gone, as that of `| head`, the exit code still says the result.
process.stdout.on('error', error => {
  if (error.code !== 'EPIPE') throw error;
});

process.exitCode = await main(process.argv.slice(2), {
  api,
  xsnap,
  version,
  stdout: process.stdout,
  stderr: process.stderr,
  onSignal: (signal, handler) => process.on(signal, handler),
  makeTemporary: () => mkdtempSync(join(tmpdir(), 'swing-store-replay-')),
  removeTemporary: directory => rmSync(directory, { recursive: true, force: true }),
});
