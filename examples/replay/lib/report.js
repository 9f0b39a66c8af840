// Prints results.

/** Texts of a report are cut at this length. JSON has all of them. */
const WIDTH = 160;

const counted = (number, noun) => `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;

/** Control characters that terminals obey, except for line feeds and tabs. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Escapes control characters that a store may contain. JSON text remains the same JSON. */
export const escapeControls = text =>
  text.replace(CONTROLS, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A value as JSON text on one line, cut. */
const show = value => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}… (${text.length} characters)` : text;
};

/** The part of a value to which a path of `firstDifference` leads, from 40 characters before the difference. */
const around = (recorded, replayed) => {
  if (typeof recorded !== 'string' || typeof replayed !== 'string') return [show(recorded), show(replayed)];
  let at = 0;
  while (at < recorded.length && recorded[at] === replayed[at]) at += 1;
  const from = Math.max(0, at - 40);
  const cut = text => `${from > 0 ? '…' : ''}${show(text.slice(from))}`;
  return [cut(recorded), cut(replayed)];
};

const follow = (value, path) =>
  (path.match(/[^.[\]]+/g) ?? []).reduce((part, key) => (part === undefined ? part : part?.[key]), value);

const HEADINGS = {
  syscall: ({ syscall }) => `system call ${syscall} differs`,
  'extra-syscall': ({ syscall }) => `the record has no system call ${syscall}`,
  'missing-syscall': ({ syscall }) => `system call ${syscall} was not made`,
  result: () => 'the result differs',
  computrons: () => 'the number of computrons differs',
  image: () => 'the heap image differs',
  worker: () => 'the worker failed',
};

const divergenceLines = ({ position, kind, delivery, recorded, replayed, difference, problem, syscall }) => {
  const lines = [`DIVERGES at position ${position}: ${HEADINGS[kind]({ syscall })}`];
  const add = (label, text) => lines.push(`  ${label.padEnd(10)}${text}`);
  if (delivery) add('delivery', show(delivery));
  if (recorded !== undefined) add('recorded', show(recorded));
  if (replayed !== undefined) add('replayed', show(replayed));
  if (difference) {
    const [before, after] = around(follow(recorded, difference), follow(replayed, difference));
    add('first at', `${difference}: recorded ${before}, replayed ${after}`);
  }
  if (problem) add('problem', show(problem));
  if (kind === 'image' && position > 0) {
    add('to do', `--until ${position} --ignore-images writes the replayed image to a file`);
  }
  return lines;
};

const hasReached = ({ lastPosition, divergence }) => divergence === null && lastPosition !== null;

/** The lines about what did not count as a divergence. */
const noteLines = ({ images, computrons }) => {
  const lines = [];
  if (images.firstDifferent) {
    const { different, firstDifferent } = images;
    lines.push(
      different === 1
        ? `1 heap image differs from the record, at position ${firstDifferent.position}`
        : `${different} heap images differ from the record, first at position ${firstDifferent.position}`,
    );
  }
  if (computrons.firstDifferent) {
    const { different, compared, firstDifferent } = computrons;
    const { position, recorded, replayed } = firstDifferent;
    lines.push(
      `computrons differ in ${different} of ${counted(compared, 'delivery').replace(/ys$/, 'ies')}, first at position ` +
        `${position}: recorded ${recorded}, replayed ${replayed}`,
    );
  }
  return lines;
};

/**
 * The lines about a replay.
 *
 * @param {object} result of `replay`, with the vat, the incarnation and the positions
 */
export const resultLines = result => {
  const { vatID, name, incarnation, startPos, endPos, start, atSnapshot, snapshotModes } = result;
  const { deliveries, syscalls, images, divergence, image, seconds } = result;
  const from = start === 'load-snapshot' ? 'from a snapshot' : 'from bundles';
  const how = snapshotModes > 1 ? `, and ${atSnapshot} at snapshots` : '';
  const lines = [
    `${vatID}${name ? ` (${name})` : ''}, incarnation ${incarnation}, positions ${startPos} to ${endPos - 1}, ${from}${how}`,
  ];
  const add = line => lines.push(`  ${line}`);
  const compared = [
    counted(deliveries, 'delivery').replace(/ys$/, 'ies'),
    counted(syscalls, 'system call'),
    counted(images.equal, 'heap image'),
  ].join(', ');
  add(`${hasReached(result) ? 'equal' : 'equal before'}: ${compared}, in ${seconds.toFixed(1)} s`);
  for (const line of noteLines(result)) add(line);
  if (divergence) divergenceLines(divergence).forEach(add);
  if (image) {
    const { artifact, isEqual } = image;
    const recorded = artifact ? `, ${isEqual ? 'equal to' : 'and differs from'} the recorded ${artifact}` : '';
    add(
      `the heap image after position ${endPos - 1} is in ${image.file}: ${image.size} bytes, SHA-256 ${image.snapshotID}${recorded}`,
    );
  }
  return lines;
};

/** The last line. */
export const summaryLine = (results, skipped) => {
  const diverging = results.filter(({ divergence }) => divergence);
  const left = skipped.length > 0 ? `; ${counted(skipped.length, 'vat')} skipped` : '';
  return diverging.length === 0
    ? `${counted(results.length, 'replay')} equal to the record${left}`
    : `${diverging.length} of ${counted(results.length, 'replay')} diverge${diverging.length === 1 ? 's' : ''}${left}`;
};

/** Makes a function that shows progress on a stream: on a terminal in one line, elsewhere a line every five seconds. */
export const makeProgress = (when, stream, now = Date.now) => {
  const onTerminal = when === 'auto' && stream.isTTY;
  const isShown = onTerminal || when === 'lines';
  const interval = onTerminal ? 100 : 5000;
  let last = now();
  let isDirty = false;
  return {
    show(text) {
      if (!isShown || now() - last < interval) return;
      last = now();
      const shown = escapeControls(text);
      stream.write(onTerminal ? `\r\u001b[K${shown}` : `${shown}\n`);
      isDirty = onTerminal;
    },
    /** Removes the line from the terminal. */
    clear() {
      if (isDirty) stream.write('\r\u001b[K');
      isDirty = false;
    },
  };
};
