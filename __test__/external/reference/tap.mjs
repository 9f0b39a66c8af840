// Parses the result lines of `ava --tap`:
// `ok 1 - file › title`, `not ok 2 - file › title`, with `# SKIP` or `# TODO`
// at the end of those that did not run.

const resultLine = /^(not ok|ok) \d+ - (.*?)(?: # (SKIP|TODO)\b.*)?$/;

/** ava puts the file's name, without `.test.js`, before each title. */
const titlePrefix = file => file.replace(/^test\//, '').replace(/\.test\.js$/, '');

/**
 * @param {string} tap
 * @param {string[]} files the test files that ava was asked to run
 */
export const readResults = (tap, files) => {
  const perFile = new Map(files.map(file => [file, 0]));
  const results = { passed: 0, failed: [], notRun: [], perFile };
  const fileOf = title => files.find(file => title.startsWith(`${titlePrefix(file)} › `));
  for (const line of tap.split('\n')) {
    const match = resultLine.exec(line);
    if (!match) continue;
    const [, verdict, title, directive] = match;
    if (directive) {
      results.notRun.push(`${title} (${directive})`);
      continue;
    }
    const file = fileOf(title);
    if (file) perFile.set(file, perFile.get(file) + 1);
    if (verdict === 'ok') {
      results.passed += 1;
    } else {
      results.failed.push(title);
    }
  }
  return results;
};
