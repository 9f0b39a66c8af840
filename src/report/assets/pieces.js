// Draws and describes the pieces of a transcript.
(report => {
  const { drawing, element, count, things, bytes } = report;

  const HEIGHT = 38;
  const [TOP, THICK] = [13, 13];
  const MARKS = 33;

  /** How much of a piece is stored: `all`, `some` or `none`. */
  const extent = piece => {
    const { n: spans, w: whole = 0, p: partial = 0 } = piece;
    if (whole === spans) return 'all';
    return whole > 0 || partial > 0 ? 'some' : 'none';
  };

  const stored = piece => {
    const { n: spans, w: whole = 0, p: partial = 0 } = piece;
    const how = extent(piece);
    if (how === 'all') return 'stored';
    if (how === 'none') return 'pruned';
    if (spans === 1) return 'stored in part';
    return `${count(whole)} stored${partial > 0 ? `, ${count(partial)} in part` : ''}, ${count(spans - whole - partial)} pruned`;
  };

  const snapshots = piece => {
    const { m: marks = 0, g: images = 0, h: size = 0, u: inUse = false } = piece;
    if (marks === 0) return '';
    if (marks === 1) return `${images ? bytes(size) : 'no image'}${inUse ? ', in use' : ''}`;
    const use = inUse ? ', one in use' : '';
    return `${count(marks)}, ${images ? `${things(images, 'image')} of ${bytes(size)}` : 'no image'}${use}`;
  };

  const incarnation = ({ i: first, j: last }) => (last === undefined ? `${first}` : `${first} to ${last}`);

  /** Describes a piece in one sentence. */
  const words = piece => {
    const parts = [
      `incarnation ${incarnation(piece)}`,
      `positions ${count(piece.s)} to ${count(piece.e)}`,
      piece.n === 1 ? `span of ${things(piece.e - piece.s, 'item')}` : things(piece.n, 'span'),
      stored(piece) + (piece.t > 0 ? ` (${bytes(piece.b)})` : ''),
    ];
    if (piece.c) parts.push('current');
    if (piece.f) parts.push(`starts with ${piece.f}`);
    if (piece.l && !piece.c) parts.push(`ends with ${piece.l}`);
    if (piece.m) parts.push(`${piece.m === 1 ? 'snapshot' : 'snapshots'}: ${snapshots(piece)}`);
    return parts.join(', ');
  };

  /** The definition of the hatching, which the page needs once. */
  const patterns = () =>
    drawing(
      'svg',
      { class: 'patterns', width: '0', height: '0', 'aria-hidden': 'true', focusable: 'false' },
      drawing(
        'pattern',
        { id: 'hatch', width: '5', height: '5', patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
        drawing('rect', { class: 'hatch-ground', width: '5', height: '5' }),
        drawing('rect', { class: 'hatch-line', width: '2.5', height: '5' }),
      ),
    );

  const segment = (piece, x, width) => {
    const how = extent(piece);
    const shape = { x: x.toFixed(2), y: TOP, width: width.toFixed(2), height: THICK, class: `piece ${how}` };
    return drawing('rect', how === 'some' ? { ...shape, fill: 'url(#hatch)' } : shape);
  };

  const mark = (piece, x) => {
    const size = piece.u ? 5 : 3;
    const points = `${x},${MARKS - size} ${x + size},${MARKS} ${x},${MARKS + size} ${x - size},${MARKS}`;
    return drawing('polygon', { points, class: `mark ${piece.g ? 'image' : 'bare'}` });
  };

  const arrow = x =>
    drawing('polygon', {
      points: `${x},${TOP - 3} ${x + 7},${TOP + THICK / 2} ${x},${TOP + THICK + 3}`,
      class: 'current-end',
    });

  /** Groups consecutive pieces of the same incarnation, which share a background. */
  const bands = pieces => {
    const found = [];
    for (const piece of pieces) {
      const last = found.at(-1);
      if (last && last.label === incarnation(piece)) last.end = piece.e;
      else found.push({ label: incarnation(piece), start: piece.s, end: piece.e });
    }
    return found;
  };

  /**
   * Draws pieces. `end` is the position at the right edge.
   *
   * @returns {{ svg: SVGElement, at: (x: number) => number, select: (place: number) => void }}
   */
  const draw = (pieces, end, width) => {
    const inner = Math.max(width - 16, 50);
    const place = position => 6 + (Math.max(0, position) / Math.max(end, 1)) * inner;
    const svg = drawing('svg', {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      'aria-hidden': 'true',
      focusable: 'false',
    });
    for (const [at, band] of bands(pieces).entries()) {
      const [from, to] = [place(band.start), place(band.end)];
      svg.append(
        drawing('rect', {
          class: `band ${at % 2 ? 'odd' : 'even'}`,
          x: from,
          y: 0,
          width: Math.max(to - from, 1),
          height: HEIGHT,
        }),
      );
      if (at > 0) svg.append(drawing('line', { class: 'upgrade', x1: from, x2: from, y1: 0, y2: HEIGHT }));
      if (to - from > 8 + 7 * band.label.length) svg.append(drawing('text', { x: from + 3, y: 10 }, band.label));
    }
    const boxes = [];
    for (const piece of pieces) {
      const [from, to] = [place(piece.s), place(piece.e)];
      const box = { x: from, width: Math.max(to - from - (to - from > 4 ? 1 : 0), 1.5) };
      boxes.push(box);
      svg.append(segment(piece, box.x, box.width));
    }
    for (const [at, piece] of pieces.entries()) {
      const after = boxes[at].x + boxes[at].width;
      if (piece.m) svg.append(mark(piece, piece.n === 1 ? after : boxes[at].x + boxes[at].width / 2));
      if (piece.c) svg.append(arrow(after));
    }
    const cursor = drawing('rect', { class: 'cursor', y: TOP - 3, height: THICK + 6, rx: 2, visibility: 'hidden' });
    svg.append(cursor);
    return {
      svg,
      at: x => {
        const found = boxes.findIndex(box => x < box.x + box.width + 1);
        return found < 0 ? boxes.length - 1 : found;
      },
      select: chosen => {
        const { x, width: wide } = boxes[chosen];
        cursor.setAttribute('x', x - 2);
        cursor.setAttribute('width', wide + 4);
        cursor.setAttribute('visibility', 'visible');
      },
    };
  };

  const legend = () => {
    const sample = (piece, label) => {
      const { svg } = draw([{ i: 0, s: 0, e: 1, n: 1, t: 0, b: 0, ...piece }], 1, 70);
      svg.querySelectorAll('.band, text').forEach(part => part.remove());
      return element('span', { class: 'sample' }, svg, label);
    };
    return [
      sample({ w: 1 }, 'stored'),
      sample({ p: 1 }, 'stored in part'),
      sample({}, 'pruned'),
      sample({ w: 1, c: true }, 'current span'),
      sample({ w: 1, m: 1, g: 1, u: true }, 'snapshot in use'),
      sample({ w: 1, m: 1, g: 1 }, 'snapshot with its image'),
      sample({ w: 1, m: 1 }, 'snapshot without image'),
      element(
        'span',
        { class: 'sample' },
        element('span', { class: 'bands', 'aria-hidden': 'true' }),
        'incarnations, by their numbers',
      ),
    ];
  };

  document.body.prepend(patterns());
  Object.assign(report, { draw, words, stored, snapshots, incarnation, legend });
})(globalThis.swingStoreReport);
