// Helpers with which the other scripts build the page. Texts from the store become text nodes and attributes, never HTML.
(() => {
  const SVG = 'http://www.w3.org/2000/svg';

  const fill = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children.flat().filter(child => child !== undefined && child !== null && child !== ''));
    return element;
  };

  const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const drawing = (name, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, name), attributes, children);

  const number = new Intl.NumberFormat('en');
  const count = value => number.format(value);
  const things = (value, one) => `${count(value)} ${one}${value === 1 ? '' : 's'}`;

  const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  const bytes = value => {
    let [left, unit] = [value, 0];
    while (left >= 1024 && unit < UNITS.length - 1) [left, unit] = [left / 1024, unit + 1];
    return `${unit === 0 ? left : left.toFixed(2)} ${UNITS[unit]}`;
  };

  /** Makes a table. `columns` are `{ title, number }`; cells are texts or nodes, and the first cell of a row is its head. */
  const table = (label, columns, rows) => {
    const head = columns.map(({ title, number: right }) =>
      element('th', { scope: 'col', class: right && 'number' }, title),
    );
    const body = rows.map(cells => {
      const made = cells.map((cell, at) => {
        const attributes = { class: columns[at].number ? 'number' : 'from-store' };
        return at === 0 ? element('th', { scope: 'row', ...attributes }, cell) : element('td', attributes, cell);
      });
      return element('tr', {}, made);
    });
    const made = element(
      'table',
      { class: 'plain' },
      element('thead', {}, element('tr', {}, head)),
      element('tbody', {}, body),
    );
    return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, made);
  };

  const text = document.getElementById('data').textContent;
  globalThis.swingStoreReport = { data: JSON.parse(text), element, drawing, count, things, bytes, table };
  document.documentElement.classList.add('scripts');
})();
