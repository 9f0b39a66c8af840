/** The setup: what it shows while it installs and builds, and which better-sqlite3 the reference gets. */
import { readFileSync } from 'node:fs';
import test from 'ava';

import { betterSqlite3For, isReferenceVersion } from '../../scripts/better-sqlite3.mjs';
import { inWords, showElapsed } from '../../scripts/elapsed.mjs';

/** A display with a clock of its own. */
const makeDisplay = stream => {
  const written = [];
  let time = 0;
  let timer;
  const display = showElapsed({
    stream: { ...stream, write: text => written.push(text) },
    now: () => time,
    every: (act, interval) => {
      timer = { act, interval };
      return () => (timer = undefined);
    },
  });
  return {
    ...display,
    /** Lets time pass, and returns what was written meanwhile. */
    after: seconds => {
      written.length = 0;
      time += seconds * 1000;
      timer?.act();
      return written.splice(0).join('');
    },
    take: () => written.splice(0).join(''),
    timer: () => timer?.interval,
  };
};

test('durations in words', t => {
  t.deepEqual([0, 999, 59_999, 60_000, 125_400].map(inWords), ['0 s', '0 s', '59 s', '1 min 0 s', '2 min 5 s']);
});

test('a terminal has one line, which changes every second and never wraps', t => {
  const display = makeDisplay({ isTTY: true, columns: 40 });
  const first = display.begin('installing');
  t.is(display.timer(), 1000);
  const second = display.begin('building');
  display.take();
  t.is(display.after(61), '\r\u001b[Kinstalling: 1 min 1 s | building: 1 min');
  first.end('61.0 s');
  t.is(display.take(), '\r\u001b[Kinstalling: 61.0 s\n\r\u001b[Kbuilding: 1 min 1 s');
  second.note('compiling rusqlite');
  t.is(display.after(2), '\r\u001b[Kbuilding: 1 min 3 s, compiling rusqlite');
  second.end('failed');
  t.is(display.take(), '\r\u001b[Kbuilding: failed\n');
  t.is(display.timer(), undefined, 'no timer is left');
});

test('a log has a line for each step every half minute', t => {
  const display = makeDisplay({ isTTY: false });
  const first = display.begin('installing');
  const second = display.begin('building');
  t.is(display.timer(), 30_000);
  t.is(display.take(), '');
  second.note('compiling rusqlite');
  t.is(display.after(30), 'installing: 30 s\nbuilding: 30 s, compiling rusqlite\n');
  first.end('31.0 s');
  t.is(display.after(30), 'building: 1 min 0 s, compiling rusqlite\n');
  second.note('');
  t.is(display.after(30), 'building: 1 min 30 s\n');
  second.end('90.1 s');
  t.is(display.take(), 'building: 90.1 s\n');
  t.is(display.after(30), '');
});

test('the reference has its own better-sqlite3 wherever the later one does not work', t => {
  const pinned = file => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
  const own = betterSqlite3For('9');
  t.is(own, pinned('package.json').devDependencies['better-sqlite3']);
  t.is(own, pinned('__test__/external/kernel/package.json').overrides['better-sqlite3']);
  t.true(isReferenceVersion(own));
  const later = betterSqlite3For('10');
  t.false(isReferenceVersion(later));
  t.is(betterSqlite3For('11'), later);
  t.true([own, later].includes(betterSqlite3For()));
});
