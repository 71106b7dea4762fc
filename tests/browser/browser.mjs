// Chromium, as the tests use it. Nothing waits for a time, everything for a condition.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

/// Milliseconds: the longest that anything may take on a slow, busy machine.
export const PATIENCE = 30_000;
/// Of a whole test.
export const TEST = { timeout: 180_000 };

const LAUNCHES = 3;
const PLACES = ["chromium", "chromium-browser", "google-chrome"].map((name) => `/usr/bin/${name}`);

export async function launch() {
  const executablePath = process.env.TASKMASTER_BROWSER ?? PLACES.find((place) => existsSync(place));
  for (let attempt = 1; ; attempt += 1) {
    try {
      // Containers have a small /dev/shm, and root has no sandbox.
      const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
      return await chromium.launch({ executablePath, args, timeout: 60_000 });
    } catch (error) {
      if (attempt === LAUNCHES) throw error;
      console.error(`Chromium did not start, trying again: ${error.message.split("\n")[0]}`);
    }
  }
}

/// A page on `url`, with a browser's memory of its own. `page.faults` gathers what must never happen:
/// errors of the script, and whatever the content policy had to stop.
export async function open(browser, url, { theme = "light", width = 1280, height = 900 } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error.stack)));
  page.on("dialog", (dialog) => {
    page.faults.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/content security policy|refused to/i.test(message.text())) page.faults.push(message.text());
  });
  await page.goto(url);
  return page;
}

export async function live(page) {
  await page.locator("#connection", { hasText: /^Live/ }).waitFor();
}

/// The row of an instance or a program.
export const rowOf = (page, name) =>
  page.locator(".row").filter({ has: page.locator(".title", { hasText: new RegExp(`^${name.replaceAll(".", "\\.")}$`) }) });

/// Waits until `look` gives `expected`.
export async function becomes(what, look, expected) {
  const deadline = Date.now() + PATIENCE;
  let seen;
  do {
    seen = await look();
    if (JSON.stringify(seen) === JSON.stringify(expected)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  } while (Date.now() < deadline);
  throw new Error(`${what}: ${JSON.stringify(seen)} and not ${JSON.stringify(expected)}`);
}

export const names = (page) => page.locator(".process .title").allTextContents();
export const copied = (page) => page.evaluate(() => navigator.clipboard.readText());
