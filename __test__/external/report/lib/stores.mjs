// Makes the stores of the pages: an ordinary one, one with hostile contents, and one with many vats and spans.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import * as api from '../../../../index.mjs';
import { makeHistoryStore } from '../../../support/common/history-store.mjs';

/** A text that would run a script or end an element if a page did not escape it. */
export const nasty = 'v66</script><script>globalThis.harmed=1</script><img src=x onerror="globalThis.harmed=1"><!--';

const quoted = text => `'${text.replaceAll("'", "''")}'`;

const harmful = `
  UPDATE transcriptSpans SET vatID = ${quoted(nasty)} WHERE vatID = 'v6';
  UPDATE transcriptItems SET vatID = ${quoted(nasty)} WHERE vatID = 'v6';
  UPDATE snapshots SET vatID = ${quoted(nasty)}, hash = '<i>' WHERE vatID = 'v6';
  UPDATE transcriptItems SET item = ${quoted(nasty)} WHERE vatID = ${quoted(nasty)} AND position IN (0, 7, 12);
  UPDATE kvStore SET value = ${quoted(JSON.stringify({ name: nasty }))} WHERE key = 'v1.options';
  INSERT INTO kvStore VALUES (${quoted(`namedBundleID.${nasty}`)}, 'b1-${nasty}'), (${quoted(`vat.name.\u202e${nasty}`)}, 'v1');
  INSERT INTO bundles VALUES (${quoted(`b1-${nasty}`)}, CAST('x' AS BLOB));
`;

const numbers = count => `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})`;

/** 500 vats of up to 200 spans each. Some spans were pruned, and a few are partly deleted. */
const big = `
  DELETE FROM transcriptItems; DELETE FROM transcriptSpans; DELETE FROM snapshots;
  ${numbers(100_000)} INSERT INTO transcriptSpans
    SELECT 'v' || (i % 500), i / 500 * 4, i / 500 * 4 + 4, printf('%064x', i),
      CASE WHEN i / 500 = 199 AND i % 50 > 0 THEN 1 END, i / 500 / (20 + i % 500 % 90) FROM n
    WHERE i / 500 >= 199 - (i % 500 * 7919) % 200;
  ${numbers(4)} INSERT INTO transcriptItems
    SELECT vatID, startPos + i, '{"d":["message","o+0"],"sc":[],"r":{"status":"ok"}}', incarnation FROM transcriptSpans, n
    WHERE isCurrent OR startPos * 7 % 5 > 0 AND NOT (startPos % 97 = 0 AND i < 2) ORDER BY startPos;
  INSERT INTO snapshots
    SELECT vatID, startPos - 1, isCurrent, hash, 1000000, 1000, CASE WHEN isCurrent THEN zeroblob(1000) END
    FROM transcriptSpans WHERE startPos > 0;
  ${numbers(500)} INSERT OR REPLACE INTO kvStore SELECT 'v' || i || '.options', '{"name":"contract-' || i || '"}' FROM n;
  ${numbers(5000)} INSERT OR REPLACE INTO kvStore SELECT 'v' || (i % 500) || '.vs.vom.o+d' || i, printf('%0*d', i % 60, i) FROM n;
  UPDATE kvStore SET value = '["v50","v100"]' WHERE key = 'vats.terminated';
`;

/**
 * @param {string} work
 * @returns {Promise<Record<'plain' | 'harmful' | 'big', string>>} their directories
 */
export const makeStores = async work => {
  const stores = {};
  for (const [name, sql] of Object.entries({ plain: '', harmful, big })) {
    const dir = join(work, 'stores', name);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    await makeHistoryStore(api, dir, {}, sql);
    stores[name] = dir;
  }
  return stores;
};
