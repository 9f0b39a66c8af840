// A kernel's blocks as steps for the runner: some cranks each, with deliveries, aborted deliveries, snapshots, upgrades,
// terminations and gradual deletion. Not random: the same heights give the same steps.

const text = (height, i) =>
  JSON.stringify({
    d: ['message', `o+${i}`, { methargs: `#["block ${height} é \u{1f600}"]` }],
    sc: [['vatstoreSet', `k${i}`, 'x'.repeat((height * 37 + i * 11) % 300)]],
  });

const crank = (height, vatID, i) => [
  ['startCrank'],
  ['savepoint', 'deliver'],
  ['addItem', vatID, text(height, i)],
  ['set', 'kernel', `${vatID}.vs.k${i}`, `${height}`],
  ['set', 'kernel', `local.${vatID}.snapshot`, `${height}`],
  ...(i % 3 === 2
    ? [
        ['set', 'kernel', `${vatID}.aborted`, 'yes'],
        ['delete', 'kernel', `${vatID}.vs.k0`],
        ['rollbackCrank', 'deliver'],
        ['set', 'kernel', `${vatID}.aborts`, `${height}`],
      ]
    : []),
  ['emitCrankHashes'],
  ['endCrank'],
];

const snapshot = (height, vatID) => [
  ['addItem', vatID, JSON.stringify({ d: ['save-snapshot'], height })],
  ['saveSnapshot', vatID, 1_000_000 + height, height % 5, { cuts: [300, 700], as: 'Buffer', source: 'asyncGenerator' }],
  ['rolloverSpan', vatID],
  ['addItem', vatID, JSON.stringify({ d: ['load-snapshot'], height })],
];

const upgrade = (height, vatID) => [
  ['addItem', vatID, JSON.stringify({ d: ['shutdown-worker'], height })],
  ['stopUsingLastSnapshot', vatID],
  ['rolloverIncarnation', vatID],
  ['addItem', vatID, JSON.stringify({ d: ['initialize-worker'], height })],
];

const begin = (height, vatID) => [
  ['initTranscript', vatID],
  ['addItem', vatID, JSON.stringify({ d: ['initialize-worker'], height })],
];

/**
 * @param {number} from the first height
 * @param {number} to the end height, exclusive
 * @param {{ old: string[], young: string[] }} vats existing vats, and vats to create
 */
export const kernelBlocks = (from, to, { old, young }) => {
  const steps = [];
  for (let height = from; height < to; height += 1) {
    if (height === 0) {
      for (const vatID of young) steps.push(...begin(height, vatID));
      steps.push(['addBundle', 'b0b'], ['addBundle', 'b1b']);
    }
    const all = [...old, ...young];
    for (const [i, vatID] of all.entries()) {
      steps.push(...crank(height, vatID, height + i));
    }
    const chosen = all[height % all.length];
    if (height % 2 === 1) steps.push(...snapshot(height, chosen));
    if (height % 7 === 3) steps.push(...upgrade(height, chosen));
    // Another vat, with a short life and a gradual deletion.
    const brief = `v${900 + Math.floor(height / 4)}`;
    if (height % 4 === 0) steps.push(...begin(height, brief));
    if (height % 4 === 1) {
      steps.push(...snapshot(height, brief), ...crank(height, brief, 0));
    }
    if (height % 4 === 2) {
      steps.push(['stopUsingLastSnapshot', brief], ['stopUsingTranscript', brief]);
    }
    if (height % 4 >= 2) {
      steps.push(['deleteVatSnapshots', brief, 1], ['deleteVatTranscripts', brief, 1]);
    }
    steps.push(['set', 'host', 'host.height', `${height}`], ['commit']);
  }
  steps.push(['walk', 'kernel', '', 200, false], ['getActivityhash']);
  return steps;
};
