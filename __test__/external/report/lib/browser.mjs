// Runs a headless Chromium, from a package that contains the program, and records the events of its pages.

import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { run } from '../../../support/external/processes.mjs';

const pins = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package.json');

/** Installs the pinned packages, unless they are installed. Returns their directory. */
export const install = async work => {
  const dir = join(work, 'browser');
  mkdirSync(dir, { recursive: true });
  const manifest = readFileSync(pins, 'utf8');
  const done = join(dir, 'installed.json');
  if (!existsSync(done) || readFileSync(done, 'utf8') !== manifest) {
    writeFileSync(join(dir, 'package.json'), manifest);
    const args = ['install', '--no-audit', '--no-fund', '--no-package-lock'];
    await run(join(work, 'logs', 'install.log'), 'npm', args, { cwd: dir, minutes: 10 });
    writeFileSync(done, manifest);
  }
  return dir;
};

/**
 * Starts the browser.
 *
 * @param {string} dir the directory in which it is installed
 */
export const launch = async dir => {
  const installed = createRequire(join(dir, 'package.json'));
  // Loads the ES module, since not every version of these packages has a CommonJS one.
  const load = async name => {
    const manifest = join(dir, 'node_modules', name, 'package.json');
    const { exports, module, main } = JSON.parse(readFileSync(manifest, 'utf8'));
    const entry = exports?.['.']?.import ?? exports?.import ?? module ?? main;
    const file = typeof entry === 'string' ? entry : entry.default;
    return import(pathToFileURL(join(dirname(manifest), file)).href);
  };
  const { default: chromium } = await load('@sparticuz/chromium');
  const { default: puppeteer } = await load('puppeteer-core');
  const axe = readFileSync(installed.resolve('axe-core/axe.min.js'), 'utf8');
  const browser = await puppeteer.launch({
    executablePath: await chromium.executablePath(),
    // The sandbox does not work as root or in a container. All pages come from this program.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--font-render-hinting=none'],
    headless: 'shell',
    protocolTimeout: 120_000,
  });

  /** Opens a file, and collects errors, requests and violations of the policy. */
  const open = async (file, { width = 1280, scheme = 'light', scripts = true } = {}) => {
    const page = await browser.newPage();
    const noted = { errors: [], requests: [], violations: [] };
    page.on('console', message => {
      if (['error', 'warn'].includes(message.type())) noted.errors.push(message.text());
    });
    page.on('pageerror', error => noted.errors.push(String(error)));
    page.on('request', request => noted.requests.push(request.url()));
    await page.exposeFunction('noteViolation', directive => noted.violations.push(directive));
    await page.evaluateOnNewDocument(() => {
      document.addEventListener('securitypolicyviolation', event => globalThis.noteViolation(event.effectiveDirective));
    });
    await page.setJavaScriptEnabled(scripts);
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    const began = Date.now();
    await page.goto(pathToFileURL(file).href);
    if (scripts) await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve))));
    return { page, noted, milliseconds: Date.now() - began };
  };

  const accessibility = async page => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map(node => node.html.slice(0, 160))
          .join(' | ')}`,
    );
  };

  return { open, accessibility, close: () => browser.close(), version: () => browser.version() };
};
