// Sorts the table of vats with buttons in its head.
(report => {
  const { element } = report;
  const collator = new Intl.Collator('en', { numeric: true });

  const valueOf = (row, column, kind) => {
    const cell = row.cells[column];
    return kind === 'number' ? Number(cell.dataset.v) : cell.textContent;
  };

  /** Makes a table sortable. `detailOf` returns the row that has to follow a row, if any; `sorted` is called after each change. */
  report.makeSortable = (table, detailOf, sorted) => {
    const [body] = table.tBodies;
    const heads = [...table.tHead.rows[0].cells];
    const sort = (head, ascending) => {
      const kind = head.dataset.sort;
      const sign = ascending ? 1 : -1;
      const rows = [...body.rows].filter(row => !row.classList.contains('detail'));
      const keyed = rows.map(row => ({ row, key: valueOf(row, head.cellIndex, kind) }));
      const compare = kind === 'number' ? (one, other) => one - other : collator.compare;
      keyed.sort((one, other) => sign * compare(one.key, other.key));
      body.append(...keyed.flatMap(({ row }) => [row, detailOf(row)].filter(Boolean)));
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
      sorted();
    };
    for (const head of heads.filter(({ dataset }) => dataset.sort)) {
      const button = element('button', { type: 'button', class: 'sort' }, ...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => {
        const order = head.getAttribute('aria-sort');
        // Numbers sort in descending order first.
        sort(head, order ? order === 'descending' : head.dataset.sort === 'text');
      });
    }
  };
})(globalThis.swingStoreReport);
