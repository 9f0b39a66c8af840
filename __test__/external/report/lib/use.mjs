// Uses a page: the keyboard, the filter, sorting.

import { walk } from './look.mjs';

const rows = page =>
  page.$$eval('#vat-table > tbody > tr:not(.detail)', found =>
    found.filter(row => row.checkVisibility()).map(row => row.cells[0].textContent.trim()),
  );

export const useByKeyboard = async ({ browser, checks, file, name }) => {
  const { page, noted } = await browser.open(file);
  const interactive = await page.$$eval(
    'a[href], button, input, select, summary, [tabindex]',
    found => found.filter(element => element.tabIndex >= 0 && element.checkVisibility()).length,
  );
  const stops = await walk(page, interactive + 20);
  checks.equal(`${name}: Tab reaches everything`, stops.length, interactive);
  checks.equal(
    `${name}: the focus is always visible`,
    stops.filter(stop => !stop.isVisible),
    [],
  );

  // Shows the first vat with its button.
  await page.focus('.expand');
  const vat = await page.$eval('.expand', button => button.textContent);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.detail .line svg');
  checks.holds(
    `${name}: Enter shows a vat`,
    (await page.$eval('.expand', one => one.getAttribute('aria-expanded'))) === 'true',
    vat,
  );
  checks.equal(
    `${name}: a vat has its sections`,
    await page.$$eval('.detail h3', heads => heads.map(head => head.textContent)),
    ['Time line', 'Incarnations', 'Spans'],
  );
  const pieces = await page.$$eval('.detail .line .piece', found => found.length);
  await page.focus('.detail .line');
  const value = () => page.$eval('.detail .line', line => [line.ariaValueNow, line.ariaValueText]);
  await page.keyboard.press('Home');
  const [first, firstText] = await value();
  await page.keyboard.press('ArrowRight');
  const [second, secondText] = await value();
  await page.keyboard.press('End');
  const [last] = await value();
  checks.equal(`${name}: arrow keys move along the time line`, [first, second, last], ['0', '1', `${pieces - 1}`]);
  checks.holds(
    `${name}: and describe each piece`,
    /^incarnation 0, positions 0 to/.test(firstText) && firstText !== secondText,
    firstText,
  );
  await page.focus('.expand');
  await page.keyboard.press('Space');
  checks.equal(
    `${name}: Space hides the vat`,
    await page.$$eval('.detail', found => found.filter(one => one.checkVisibility()).length),
    0,
  );

  // Moves between the time lines of all vats.
  await page.focus('#lanes .line[tabindex="0"]');
  const label = () => page.evaluate(() => document.activeElement.ariaLabel);
  const one = await label();
  await page.keyboard.press('ArrowDown');
  const next = await label();
  checks.holds(`${name}: arrow keys move from vat to vat`, one !== next && next.startsWith('Time line of '), next);
  checks.holds(
    `${name}: the readout describes the position`,
    /positions/.test(await page.$eval('#readout', line => line.textContent)),
    'it is empty',
  );
  await page.keyboard.press('Enter');
  const opened = await page.evaluate(() => [document.activeElement.ariaExpanded, document.activeElement.textContent]);
  checks.equal(`${name}: Enter opens the vat`, opened, ['true', next.slice('Time line of '.length).split(', ')[0]]);
  checks.equal(`${name}: no errors during use`, noted.errors, []);
  await page.close();
};

export const filterAndSort = async ({ browser, checks, file, name }) => {
  const { page } = await browser.open(file);
  const filtered = async words => {
    await page.$eval('#find', input => (input.value = ''));
    await page.type('#find', words);
    await new Promise(resolve => setTimeout(resolve, 250));
    return [await rows(page), await page.$eval('#shown', output => output.textContent)];
  };
  checks.equal(`${name}: found by ID`, await filtered('v6'), [['v6'], '1 of 5 vats']);
  checks.equal(
    `${name}: and its time line`,
    await page.$$eval('#lanes .line', lines => lines.map(line => line.ariaLabel)),
    ['Time line of v6, name of v6'],
  );
  checks.equal(`${name}: found by name`, await filtered('BOOT'), [['v1'], '1 of 5 vats']);
  checks.equal(`${name}: not found`, await filtered('nowhere'), [[], '0 of 5 vats']);
  await page.$eval('#find', input => (input.value = ''));
  await page.select('#state', 'terminated');
  checks.equal(`${name}: by state`, await rows(page), ['v9']);
  await page.select('#state', '');
  const [byVat, byName] = await page.$$('.sort');
  await byVat.click();
  checks.equal(`${name}: by number`, await rows(page), ['v1', 'v3', 'v6', 'v9', 'v10']);
  checks.equal(
    `${name}: the heading has the order`,
    await page.$$eval('[aria-sort]', heads => heads.map(head => [head.textContent, head.ariaSort])),
    [['Vat', 'ascending']],
  );
  await byVat.click();
  checks.equal(`${name}: in reverse`, await rows(page), ['v10', 'v9', 'v6', 'v3', 'v1']);
  await byName.click();
  checks.equal(`${name}: by name`, await rows(page), ['v10', 'v1', 'v3', 'v6', 'v9']);
  await page.close();
};

/** Checks that hostile contents appear as plain text. */
export const lookForHarm = async ({ browser, checks, file, name, nasty }) => {
  const { page } = await browser.open(file);
  await page.evaluate(() => document.querySelectorAll('.expand').forEach(button => button.click()));
  const found = await page.evaluate(() => ({
    harmed: globalThis.harmed ?? null,
    scripts: document.scripts.length,
    images: document.images.length,
    vats: [...document.querySelectorAll('.expand')].map(button => button.textContent),
  }));
  checks.equal(`${name}: nothing ran`, [found.harmed, found.scripts, found.images], [null, 6, 0]);
  checks.holds(`${name}: a vat's ID is a text`, found.vats.includes(nasty), found.vats.join('\n'));
  await page.close();
};
