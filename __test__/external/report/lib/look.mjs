// What is checked of each page, whatever is in it.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

/** What has the focus now: what it is called, and whether one sees that it has it. */
const focused = page =>
  page.evaluate(() => {
    const { activeElement: element } = document;
    if (!element || element === document.body) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return {
      name: element.id || element.className || element.tagName.toLowerCase(),
      role: element.getAttribute('role'),
      text: element.textContent.trim().slice(0, 40),
      isVisible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
    };
  });

/** Presses Tab until all has been reached, or so many times. */
export const walk = async (page, most) => {
  const stops = [];
  for (let at = 0; at < most; at += 1) {
    await page.keyboard.press('Tab');
    const stop = await focused(page);
    if (!stop) break;
    stops.push(stop);
  }
  return stops;
};

/** Everything that does not depend on what a page shows. */
export const lookAtPage = async ({ browser, checks, file, name, screenshots }) => {
  for (const scheme of ['light', 'dark']) {
    for (const width of [1280, 400]) {
      const title = `${name}, ${scheme}, ${width} pixels`;
      const { page, noted, milliseconds } = await browser.open(file, { width, scheme });
      checks.holds(`${title}: drawn in ${milliseconds} ms`, milliseconds < 5_000, 'it should take less than 5 s');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      checks.holds(`${title}: fits`, overflow <= 0, `it is ${overflow} pixels wider than the window`);
      await page.evaluate(() => document.querySelector('.expand[aria-expanded="false"]')?.click());
      await pause(100);
      checks.equal(`${title}: no errors`, noted.errors, []);
      checks.equal(`${title}: loads nothing`, [...new Set(noted.requests)], [pathToFileURL(file).href]);
      checks.equal(`${title}: keeps to its policy`, noted.violations, []);
      if (screenshots) {
        const path = join(screenshots, `${name}-${scheme}-${width}.png`);
        const height = Math.min(await page.evaluate(() => document.documentElement.scrollHeight), 6000);
        await page.screenshot({ path, captureBeyondViewport: true, clip: { x: 0, y: 0, width, height } });
      }
      checks.equal(`${title}: accessible`, await browser.accessibility(page), []);
      await page.close();
    }
  }
};

/** The policy is in force: what a page would be made to do by somebody else does not happen. */
export const tryPolicy = async ({ browser, checks, file, name }) => {
  const { page, noted } = await browser.open(file);
  const before = noted.requests.length;
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.harmed = 2';
    const style = document.createElement('style');
    style.textContent = 'h1 { color: red }';
    const image = document.createElement('img');
    image.src = 'http://127.0.0.1:9/image';
    const frame = document.createElement('iframe');
    frame.src = 'http://127.0.0.1:9/frame';
    document.body.append(script, style, image, frame);
    return fetch('http://127.0.0.1:9/data').catch(() => {});
  });
  await pause(200);
  const directives = ['connect-src', 'frame-src', 'img-src', 'script-src-elem', 'style-src-elem'];
  checks.equal(`${name}: the policy refuses all of it`, [...new Set(noted.violations)].sort(), directives);
  const reached = noted.requests.slice(before).filter(url => url.startsWith('http') && !noted.violations.length);
  checks.equal(`${name}: nothing was asked for`, reached, []);
  checks.equal(`${name}: no foreign script ran`, await page.evaluate(() => globalThis.harmed ?? null), null);
  await page.close();
};

/** Without its script a page still has its numbers. */
export const lookWithoutScripts = async ({ browser, checks, file, name }) => {
  const { page } = await browser.open(file, { scripts: false });
  const { content, visible } = await (async () => {
    const snapshot = await page.accessibility.snapshot({ interestingOnly: false });
    const texts = [];
    const roles = new Set();
    const visit = node => {
      if (node.name) texts.push(node.name);
      roles.add(node.role);
      node.children?.forEach(visit);
    };
    visit(snapshot);
    return { content: texts.join('\n'), visible: roles };
  })();
  checks.holds(`${name}: without scripts there are its facts`, /Complete for/.test(content), content.slice(0, 300));
  checks.holds(
    `${name}: without scripts there are its tables`,
    /Transcript/.test(content) && !visible.has('searchbox'),
    content.slice(0, 300),
  );
  checks.holds(
    `${name}: without scripts it says what is missing`,
    /Without scripts/.test(content),
    content.slice(-600),
  );
  await page.close();
};
