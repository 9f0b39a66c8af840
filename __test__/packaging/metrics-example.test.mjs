// The alert rules and the dashboard of examples/metrics: their queries are valid, and name metrics that exist. With
// promtool, `npm run test:examples` checks the rules, too.
import { parser } from '@prometheus-io/lezer-promql';
import test from 'ava';
import fs from 'node:fs';
import { parse } from 'yaml';

import { metricDefinitions } from '../../index.mjs';
import { readText } from '../support/docs/pages.mjs';

const read = name => fs.readFileSync(new URL(`../../examples/metrics/${name}`, import.meta.url), 'utf8');

const rules = parse(read('prometheus/alerts.yml')).groups.flatMap(group => group.rules);
const dashboard = JSON.parse(read('grafana/dashboard.json'));

/** The names of all time series: a histogram has three. */
const series = metricDefinitions.flatMap(({ name, type }) =>
  type === 'histogram' ? ['_bucket', '_sum', '_count'].map(suffix => name + suffix) : [name],
);
/** Those that alerts use of node_exporter. */
const others = ['node_filesystem_avail_bytes', 'node_systemd_unit_state'];

/** The labels of each series, other than those that Prometheus adds. */
const labelsOf = name => metricDefinitions.filter(one => one.name === name).map(({ label }) => label);

/** Parses a query. Returns its selectors: the names of series, with their labels. */
const namesIn = query => {
  const found = [];
  parser.parse(query).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) throw Error(`an invalid query, at character ${from}: ${query}`);
      if (type.name !== 'VectorSelector') return;
      const text = query.slice(from, to);
      found.push({ name: /^[a-z_]+/.exec(text)[0], text });
    },
  });
  return found;
};

test('a malformed query is noticed', t => {
  t.throws(() => namesIn('rate(swing_store_calls_total[5m)'), { message: /an invalid query/ });
  t.deepEqual(
    namesIn('sum(rate(a_b{c="d"}[5m])) > e').map(({ name }) => name),
    ['a_b', 'e'],
  );
});

const check = (t, query) => {
  const names = namesIn(query);
  t.true(names.length > 0, query);
  for (const { name, text } of names) {
    t.true(series.includes(name) || others.includes(name), `${name} in ${query}`);
    if (others.includes(name)) continue;
    for (const [, label] of text.matchAll(/([a-z]+)=~?"/g)) {
      t.true(['instance', ...labelsOf(name)].includes(label), `the label ${label} in ${query}`);
    }
  }
};

test('alert rules name metrics that exist, and have a summary and a description', t => {
  t.true(rules.length >= 10);
  for (const { alert, expr, labels, annotations } of rules) {
    check(t, expr);
    t.true(['warning', 'critical'].includes(labels.severity), alert);
    t.truthy(annotations.summary && annotations.description, alert);
  }
});

test('every alert rule is tested, and explained in the guide', t => {
  const names = rules.map(({ alert }) => alert);
  const [well, ill] = parse(read('prometheus/alerts.test.yml')).tests;
  for (const [one, count] of [
    [well, 0],
    [ill, 1],
  ]) {
    t.deepEqual(
      one.alert_rule_test.map(({ alertname, exp_alerts: expected }) => [alertname, expected.length]),
      names.map(name => [name, count]),
    );
  }
  const [, section] = /^## What to alert on$([^]*?)^## /m.exec(readText('docs/guide/operators.md'));
  t.deepEqual(section.match(/(?<=^\| `)SwingStore[A-Za-z]+(?=`)/gm), names);
});

test('panels of the dashboard show every metric, and none that does not exist', t => {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const shown = new Set();
  for (const { title, description, targets } of panels) {
    t.truthy(title && description);
    for (const { expr, legendFormat } of targets) {
      // Grafana replaces its variables before it sends the query.
      const query = expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*');
      check(t, query);
      for (const { name } of namesIn(query)) shown.add(name.replace(/_(bucket|sum|count)$/, ''));
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        const labels = namesIn(query).flatMap(({ name }) => labelsOf(name));
        t.true(['instance', ...labels].includes(label), `${title}: ${label}`);
      }
    }
  }
  // Positions of vats are for queries of one's own.
  const missing = metricDefinitions.filter(({ name }) => !shown.has(name)).map(({ name }) => name);
  t.deepEqual(
    missing.filter(name => !name.startsWith('swing_store_vat_')),
    ['swing_store_bundles', 'swing_store_archive_up', 'swing_store_measured_timestamp_seconds'],
  );
  const ids = dashboard.panels.map(({ id }) => id);
  t.is(new Set(ids).size, ids.length);
  for (const { gridPos: at } of dashboard.panels) t.true(at.x + at.w <= 24);
});
