// Filters the vats, and shows their details.
(report => {
  const { data, element, count, things, bytes, table, words, stored, snapshots, incarnation } = report;

  const vatTable = document.getElementById('vat-table');
  const container = vatTable.parentElement;
  const [body] = vatTable.tBodies;
  /** When the page opens, the rows are in the order of the data. */
  const entries = [...body.rows].map((row, at) => ({ row, vat: data.vats[at] }));
  const byRow = new Map(entries.map(entry => [entry.row, entry]));

  // The details of a vat.

  const incarnationsOf = vat => {
    const columns = [
      { title: 'Incarnation', number: true },
      { title: 'Positions', number: true },
      { title: 'Items', number: true },
      { title: 'Size', number: true },
      { title: 'Spans', number: true },
      { title: 'Pruned', number: true },
      { title: 'Started with' },
      { title: 'Ended with' },
    ];
    const rows = vat.incarnations.map(one => [
      `${one.number}`,
      `${count(one.start)} to ${count(one.end)}`,
      count(one.items),
      bytes(one.bytes),
      count(one.spans),
      count(one.pruned),
      one.began ?? '',
      one.ended ?? '(current)',
    ]);
    const left = vat.incarnationsLeftOut;
    return [
      element('h3', {}, 'Incarnations'),
      left > 0 && element('p', {}, `${things(left, 'earlier incarnation')} not listed.`),
      table(`Incarnations of ${vat.id}`, columns, rows),
    ];
  };

  const spansOf = vat => {
    const merged = vat.pieces.length < vat.spans;
    const columns = [
      { title: merged ? 'Positions' : 'Span' },
      ...(merged ? [{ title: 'Spans', number: true }] : []),
      { title: 'Incarnation', number: true },
      { title: 'Items', number: true },
      { title: 'Size', number: true },
      { title: 'Stored' },
      { title: 'Starts with' },
      { title: 'Ends with' },
      { title: merged ? 'Snapshots' : 'Snapshot at its end' },
    ];
    const rows = vat.pieces.map(piece => [
      piece.n === 1 ? `transcript.${vat.id}.${piece.s}.${piece.e}` : `${count(piece.s)} to ${count(piece.e)}`,
      ...(merged ? [count(piece.n)] : []),
      incarnation(piece),
      piece.t === piece.e - piece.s ? count(piece.t) : `${count(piece.t)} of ${count(piece.e - piece.s)}`,
      bytes(piece.b),
      stored(piece),
      piece.f ?? '',
      piece.c ? '(current)' : (piece.l ?? ''),
      snapshots(piece),
    ]);
    const said = merged
      ? `${things(vat.spans, 'span')}, merged into ${count(vat.pieces.length)} pieces`
      : things(vat.spans, 'span');
    return [
      element('h3', {}, 'Spans'),
      element('p', { class: 'muted' }, `${said}.`),
      table(`Spans of ${vat.id}`, columns, rows),
    ];
  };

  const notesOf = vat => {
    const notes = [];
    const note = (term, text) =>
      text &&
      notes.push(
        element('div', {}, element('dt', {}, term), element('dd', { class: 'from-store' }, element('code', {}, text))),
      );
    note('Name', vat.name);
    note('Source', vat.source);
    note('Options', vat.options);
    return notes.length > 0 && element('dl', { class: 'notes' }, notes);
  };

  /** Fits details into the visible part of the table, which may be wider. */
  const fit = detail => {
    detail.style.width = `${container.clientWidth - 2}px`;
  };

  const makeDetail = (entry, id) => {
    const { vat } = entry;
    const content = element('div', { class: 'depth' });
    content.append(...[notesOf(vat)].filter(Boolean));
    if (vat.pieces.length > 0) {
      const readout = element('p', { class: 'readout', 'aria-hidden': 'true' });
      entry.line = report.makeLine(vat, `Time line of ${vat.id}, details`, (_, piece) => {
        readout.textContent = words(piece);
      });
      readout.textContent = words(vat.pieces.at(-1));
      // The page of a single vat has no section with time lines, which has the legend.
      const legend = data.one && element('div', { class: 'legend' }, ...report.legend());
      const parts = [
        element('h3', {}, 'Time line'),
        legend,
        entry.line.line,
        readout,
        ...incarnationsOf(vat),
        ...spansOf(vat),
      ];
      content.append(...parts.filter(Boolean));
    } else {
      content.append(element('p', {}, 'The store has no transcript of this vat.'));
    }
    if (vat.snapshotsElsewhere > 0) {
      content.append(
        element('p', {}, `${things(vat.snapshotsElsewhere, 'snapshot')} at positions outside every span.`),
      );
    }
    const columns = vatTable.tHead.rows[0].cells.length;
    const cell = element('td', { colspan: `${columns}` }, content);
    entry.content = content;
    return element('tr', { class: 'detail', id }, cell);
  };

  const redraw = entry => {
    fit(entry.content);
    entry.line?.draw(report.endOf(entry.vat));
  };

  const isOpen = entry => entry.button.getAttribute('aria-expanded') === 'true';

  const toggle = (entry, open) => {
    if (open && !entry.detail) {
      entry.detail = makeDetail(entry, entry.button.getAttribute('aria-controls'));
      entry.row.after(entry.detail);
    }
    if (entry.detail) entry.detail.hidden = !open;
    entry.button.setAttribute('aria-expanded', `${open}`);
    if (open) redraw(entry);
  };

  for (const [at, entry] of entries.entries()) {
    const [head] = entry.row.cells;
    entry.button = element(
      'button',
      { type: 'button', class: 'expand', 'aria-expanded': 'false', 'aria-controls': `vat-${at}` },
      ...head.childNodes,
    );
    head.append(entry.button);
    entry.button.addEventListener('click', () => toggle(entry, !isOpen(entry)));
  }

  const open = vat => {
    const entry = entries.find(one => one.vat === vat);
    toggle(entry, true);
    entry.button.focus();
    entry.row.scrollIntoView({ block: 'start' });
  };

  // The filter.

  const find = document.getElementById('find');
  const state = document.getElementById('state');
  const extent = document.getElementById('extent');
  const shown = document.getElementById('shown');

  const inOrder = () => [...body.rows].filter(row => byRow.has(row)).map(row => byRow.get(row));
  const showLanes = () => {
    const vats = inOrder()
      .filter(({ row }) => !row.hidden)
      .map(({ vat }) => vat);
    report.showLanes(vats, open);
  };

  const filter = () => {
    const sought = find.value.trim().toLowerCase();
    let found = 0;
    for (const entry of entries) {
      const { row, vat, detail } = entry;
      const fits =
        `${vat.id}\n${vat.name ?? ''}`.toLowerCase().includes(sought) &&
        (!state.value || row.cells[2].textContent === state.value) &&
        (!extent.value || row.dataset.extent === extent.value);
      row.hidden = !fits;
      if (detail) detail.hidden = !fits || !isOpen(entry);
      found += fits ? 1 : 0;
    }
    shown.textContent =
      found === entries.length ? things(found, 'vat') : `${count(found)} of ${things(entries.length, 'vat')}`;
    showLanes();
  };

  let waiting;
  find.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 80);
  });
  for (const choice of [state, extent]) choice.addEventListener('change', filter);
  const form = document.getElementById('filter');
  form.addEventListener('submit', event => event.preventDefault());
  form.hidden = data.one;

  report.makeSortable(vatTable, row => byRow.get(row).detail, showLanes);
  const redrawOpen = () => entries.filter(entry => entry.detail && isOpen(entry)).forEach(redraw);
  let width = 0;
  new ResizeObserver(() => {
    if (container.clientWidth === width) return;
    width = container.clientWidth;
    redrawOpen();
  }).observe(container);
  globalThis.addEventListener('beforeprint', redrawOpen);
  filter();
  if (data.one) toggle(entries[0], true);
})(globalThis.swingStoreReport);
