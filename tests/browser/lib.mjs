/*
 * Debian's Chromium, driven by playwright-core, on pages of a running parley. Each test has browsers of its own: a
 * context is what another person's browser is, with its own storage.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT } from '../integration/lib/instance.mjs';
import { PASSWORD } from '../integration/lib/users.mjs';

const CHROMIUM = process.env.PARLEY_CHROMIUM ?? '/usr/bin/chromium';
const SCREENS = path.join(ROOT, 'build', 'screenshots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const missing = existsSync(CHROMIUM) ? false : `there is no ${CHROMIUM}`;

/** The one Chromium of a file; closed after its tests. */
export async function launch(after) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  after(() => browser.close());
  return browser;
}

/** A browser of somebody's own: everything its pages complain about fails the test in the end. */
export async function context(t, browser, options = {}) {
  const made = await browser.newContext({ viewport: { width: 1100, height: 700 }, ...options });
  const complaints = [];
  made.on('page', (page) => {
    page.on('pageerror', (error) => complaints.push(`error: ${error.stack}`));
    page.on('console', (line) => {
      if (line.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(line.text())) complaints.push(line.text());
    });
  });
  t.after(async () => {
    await made.close();
    assert.deepEqual(complaints, []);
  });
  made.setDefaultTimeout(10_000);
  return made;
}

/** A page on which `user` has logged in, through the form. */
export async function enter(t, browser, instance, user, options) {
  const page = await (await context(t, browser, options)).newPage();
  await page.goto(instance.http);
  await page.fill('#door-name', user.username);
  await page.fill('#door-password', PASSWORD);
  await page.getByRole('button', { name: 'Log in' }).click();
  await live(page);
  return page;
}

export const live = (page, status = '') => page.waitForSelector(`#status[data-status${status ? `=${status}` : '=live'}]`, { state: 'attached' });

/** Open a channel of the list. */
export const openRoom = (page, title) => page.locator('#room-list button', { hasText: title }).click();

export async function write(page, text) {
  await page.fill('#compose-text', text);
  await page.press('#compose-text', 'Enter');
}

/** Wait until there are so many of something: a page fills its lists when the answer has come. */
export const counts = (page, selector, count) =>
  page.waitForFunction(([of, n]) => document.querySelectorAll(of).length === n, [selector, count]);

/** Wait until what is being written reads so. */
export const composes = (page, text) =>
  page.waitForFunction((value) => document.getElementById('compose-text').value === value, text);

/** Wait until the open room shows exactly these texts, its system messages left out. */
export async function shows(page, texts, what = 'messages') {
  const read = () => page.locator('#messages li.message:not(.pending) p.text').allInnerTexts();
  const end = Date.now() + 10_000;
  let seen;
  do {
    seen = await read();
    if (JSON.stringify(seen) === JSON.stringify(texts)) return;
    await page.waitForTimeout(50);
  } while (Date.now() < end);
  assert.deepEqual(seen, texts, what);
}

/** Kept as test output: build/screenshots/NAME.png. */
export async function screenshot(page, name) {
  mkdirSync(SCREENS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENS, `${name}.png`) });
}

/** What a screen reader or a colour-blind reader would trip over (WCAG 2.1 A and AA), by axe-core. */
export async function accessible(page, what) {
  /* Not by a script element, which the page's policy refuses. */
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
  assert.deepEqual(found, [], what);
}
