// Checks that apply to every page.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

/** Describes the focused element; `isVisible` tells whether its focus is visible. */
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

/** Presses Tab until the focus leaves the page, at most `most` times. Returns the focused elements. */
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

/** Checks the layout, errors, requests, policy and accessibility of a page. */
export const lookAtPage = async ({ browser, checks, file, name, screenshots }) => {
  for (const scheme of ['light', 'dark']) {
    for (const width of [1280, 400]) {
      const title = `${name}, ${scheme}, ${width} pixels`;
      const { page, noted, milliseconds } = await browser.open(file, { width, scheme });
      checks.holds(`${title}: rendered in ${milliseconds} ms`, milliseconds < 5_000, 'it should take less than 5 s');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      checks.holds(`${title}: fits the window`, overflow <= 0, `it is ${overflow} pixels wider than the window`);
      await page.evaluate(() => document.querySelector('.expand[aria-expanded="false"]')?.click());
      await pause(100);
      checks.equal(`${title}: no errors`, noted.errors, []);
      checks.equal(`${title}: loads nothing`, [...new Set(noted.requests)], [pathToFileURL(file).href]);
      checks.equal(`${title}: complies with its policy`, noted.violations, []);
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

/** Checks that the policy blocks scripts, styles and requests that are injected into a page. */
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
  checks.equal(`${name}: the policy blocks everything injected`, [...new Set(noted.violations)].sort(), directives);
  const reached = noted.requests.slice(before).filter(url => url.startsWith('http') && !noted.violations.length);
  checks.equal(`${name}: no request left the page`, reached, []);
  checks.equal(`${name}: no injected script ran`, await page.evaluate(() => globalThis.harmed ?? null), null);
  await page.close();
};

/** Checks that a page shows its numbers when scripts are disabled. */
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
  checks.holds(`${name}: without scripts it shows the facts`, /Complete for/.test(content), content.slice(0, 300));
  checks.holds(
    `${name}: without scripts it shows the tables`,
    /Transcript/.test(content) && !visible.has('searchbox'),
    content.slice(0, 300),
  );
  checks.holds(
    `${name}: without scripts it names what is missing`,
    /Without scripts/.test(content),
    content.slice(-600),
  );
  await page.close();
};
