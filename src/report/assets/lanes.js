// Interactive time lines, and the section with one for each vat.
(report => {
  const { data, element, count, draw, words } = report;

  /** How many time lines the section shows at first. */
  const FIRST = 30;

  const endOf = vat => vat.pieces.reduce((end, piece) => Math.max(end, piece.e), vat.end);

  /** Makes the time line of a vat. `moved` is called with the vat and the chosen piece. */
  const makeLine = (vat, label, moved) => {
    const last = vat.pieces.length - 1;
    let chosen = last;
    let drawn;
    const line = element('div', {
      class: 'line',
      role: 'slider',
      tabindex: '0',
      'aria-label': label,
      'aria-valuemin': '0',
      'aria-valuemax': `${last}`,
    });
    const describe = () => {
      line.setAttribute('aria-valuenow', `${chosen}`);
      line.setAttribute('aria-valuetext', words(vat.pieces[chosen]));
    };
    const choose = place => {
      chosen = Math.min(Math.max(place, 0), last);
      describe();
      drawn?.select(chosen);
      moved(vat, vat.pieces[chosen]);
    };
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
    line.addEventListener('keydown', event => {
      const step = steps[event.key];
      if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      choose(chosen + step);
    });
    line.addEventListener('focus', () => choose(chosen));
    const under = event => drawn && choose(drawn.at(event.clientX - line.getBoundingClientRect().left));
    line.addEventListener('pointermove', under);
    line.addEventListener('pointerdown', under);
    describe();
    return {
      vat,
      line,
      draw: end => {
        const width = Math.floor(line.clientWidth);
        if (width === 0) return;
        drawn = draw(vat.pieces, end, width);
        line.replaceChildren(drawn.svg);
      },
    };
  };

  // A line for each vat.

  const section = document.getElementById('time-lines');
  const list = document.getElementById('lanes');
  const readout = document.getElementById('readout');
  const sameScale = document.getElementById('same-scale');
  const lanes = new Map();
  let shown = [];
  let most = FIRST;

  const updateReadout = (vat, piece) => {
    readout.textContent = `${vat.id}: ${words(piece)}`;
  };

  const redraw = lane => {
    const end = sameScale.checked ? Math.max(...shown.map(({ vat }) => endOf(vat))) : endOf(lane.vat);
    lane.draw(end);
  };

  const seen = new IntersectionObserver(
    entries => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        redraw(lanes.get(target));
      }
    },
    { rootMargin: '400px' },
  );

  /** Draws the first lines now, and the others when they scroll into view. */
  const redrawAll = () => {
    for (const [at, lane] of shown.entries()) {
      seen.unobserve(lane.line);
      if (at < FIRST) redraw(lane);
      else seen.observe(lane.line);
    }
  };

  /** Makes one line the only stop of the Tab key; the arrow keys move from there. */
  const makeStop = lane => {
    for (const other of shown) other.line.tabIndex = other === lane ? 0 : -1;
  };

  const makeLane = (vat, open) => {
    const named = vat.name ? `${vat.id}, ${vat.name}` : vat.id;
    const lane = makeLine(vat, `Time line of ${named}`, updateReadout);
    lanes.set(lane.line, lane);
    lane.line.addEventListener('focus', () => makeStop(lane));
    lane.line.addEventListener('keydown', event => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step !== undefined) {
        event.preventDefault();
        shown[shown.indexOf(lane) + step]?.line.focus();
      } else if (event.key === 'Enter') {
        // Otherwise the key would also press the button that gets the focus.
        event.preventDefault();
        open(vat);
      }
    });
    const name = element('button', {
      type: 'button',
      class: 'lane-name',
      tabindex: '-1',
      'aria-label': `Show ${named}`,
    });
    name.append(element('b', { class: 'from-store' }, vat.id));
    if (vat.name) name.append(' ', element('span', { class: 'from-store muted' }, vat.name));
    name.addEventListener('click', () => open(vat));
    lane.row = element('div', { class: 'lane' }, name, lane.line);
    return lane;
  };

  /** Shows the time lines of these vats, in this order. */
  const show = (vats, open) => {
    const drawable = vats.filter(vat => vat.pieces.length > 0);
    const known = new Map([...lanes.values()].map(lane => [lane.vat, lane]));
    shown = drawable.slice(0, most).map(vat => known.get(vat) ?? makeLane(vat, open));
    list.replaceChildren(...shown.map(lane => lane.row));
    if (drawable.length > most) {
      const more = element('button', { type: 'button', class: 'more' }, `Show all ${count(drawable.length)}`);
      more.addEventListener('click', () => {
        most = Infinity;
        const next = shown.length;
        show(vats, open);
        shown[next].line.focus();
      });
      list.append(more);
    }
    if (shown.length > 0) makeStop(shown[0]);
    else list.append(element('p', {}, 'None of these vats has a transcript.'));
    redrawAll();
  };

  sameScale.addEventListener('change', redrawAll);
  let width = 0;
  new ResizeObserver(() => {
    if (list.clientWidth === width) return;
    width = list.clientWidth;
    redrawAll();
  }).observe(list);
  globalThis.addEventListener('beforeprint', () => shown.forEach(redraw));

  document.getElementById('legend').append(...report.legend());
  // A page about one vat has the time line in the vat's details.
  section.hidden = data.one;
  Object.assign(report, { makeLine, endOf, showLanes: show });
})(globalThis.swingStoreReport);
