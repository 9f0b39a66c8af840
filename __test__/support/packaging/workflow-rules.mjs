/** Rules for GitHub workflows: they must not use anything without a fixed version, nor build in a job that may publish. */
import { parse } from 'yaml';

/** Commands that install a tool, with the pattern of its version. */
const INSTALLS = [
  [/\bcargo install\b/, /--locked\b.*--version[ =]\d+\.\d+\.\d+|--version[ =]\d+\.\d+\.\d+.*--locked\b/],
  [/\bpip(x|3)? install\b/, /==\d/],
  [/\bnpm (install|i|add)\b/, /\w@\d+\.\d+\.\d+/],
  [/\bgo install\b/, /@v\d/],
  [/\brustup (toolchain install|update|default)\b/, /\d+\.\d+\.\d+|nightly-\d{4}-\d\d-\d\d|"\$version"/],
  [/\b(npx|pnpx|bunx)\b/, /\w@\d+\.\d+\.\d+/],
  [/\b(curl|wget)\b/, /sha256sum/],
];

/** Commands of cargo that resolve dependencies. */
const RESOLVES = /\bcargo (\+\S+ )?(build|check|clippy|test|run|doc|bench|zigbuild|about generate)\b/;

/** The only commands of a job that may publish, and the shell code that runs one for each file. */
const PUBLISHES =
  /^(for \w+ in [^;&|`$()]*; do|npm publish --ignore-scripts [^;&|`()]*|gh release create "\$GITHUB_REF_NAME" --verify-tag [^;&|`()]*|done)$/;

/** What a job may write, if it only publishes: a package with its origin, and a release. */
const RIGHTS = ['id-token', 'contents'];

const PUBLISHING_ACTIONS = ['actions/setup-node', 'actions/download-artifact'];

/** Splits a script into commands. */
const commands = script =>
  script
    .replaceAll('\\\n', ' ')
    .split(/\n|&&|\|\||;(?! do)/)
    .map(command => command.trim())
    .filter(Boolean);

const checkScript = (script, say) => {
  for (const command of commands(script)) {
    for (const [installs, names] of INSTALLS) {
      if (installs.test(command) && !names.test(command)) say(`installs what has no fixed version: ${command}`);
    }
    if (RESOLVES.test(command) && !/--locked\b/.test(command)) say(`builds without --locked: ${command}`);
  }
  if (/\$\{\{\s*(github\.(event\b|head_ref|ref_name|base_ref)|inputs\.)/.test(script)) {
    say('puts what others may choose into a script');
  }
};

const checkStep = (step, say) => {
  if (step.uses?.startsWith('actions/checkout@') && step.with?.['persist-credentials'] !== false) {
    say('leaves credentials in the checkout');
  }
  if (step.run) checkScript(step.run, say);
};

const writes = permissions =>
  typeof permissions === 'string'
    ? [permissions]
    : Object.entries(permissions ?? {})
        .filter(([, level]) => level === 'write')
        .map(([name]) => name);

const checkPublishing = (steps, say) => {
  for (const { uses, run } of steps) {
    if (uses && !PUBLISHING_ACTIONS.includes(uses.split('@')[0])) say(`may publish, and uses ${uses}`);
    for (const command of run ? commands(run) : []) {
      if (!PUBLISHES.test(command)) say(`may publish, and runs: ${command}`);
    }
  }
};

/** Lines that use an action without its commit or without the version in a comment. */
const unpinned = text =>
  text
    .split('\n')
    .filter(line => /^\s*(- )?uses:/.test(line))
    .filter(line => !/uses: (\.\/\S+|[\w.-]+(\/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/.test(line))
    .map(line => `uses an action that is not pinned: ${line.trim()}`);

/** The faults of a workflow, or of an action of this project. */
export const problemsOf = text => {
  const { permissions, jobs, runs } = parse(text);
  const problems = unpinned(text);
  for (const step of runs?.steps ?? []) checkStep(step, problem => problems.push(problem));
  if (!jobs) return problems;
  if (JSON.stringify(permissions) !== '{"contents":"read"}') problems.push('its jobs may do more than read');
  const entries = Object.entries(jobs);
  const isRelease = entries.some(([, job]) => writes(job.permissions).length > 0);
  for (const [name, job] of entries) {
    const say = problem => problems.push(`${name}: ${problem}`);
    const steps = job.steps ?? [];
    for (const step of steps) checkStep(step, say);
    const rights = writes(job.permissions);
    if (rights.some(right => !RIGHTS.includes(right))) say(`has the right to write ${rights}`);
    if (rights.length > 0) checkPublishing(steps, say);
    // A cache that other jobs can write could change the release.
    const caches = ({ uses = '', with: options }) => /cache/.test(uses) || options?.cache;
    if (isRelease && steps.some(caches)) say('takes a release from a cache');
  }
  return problems;
};
