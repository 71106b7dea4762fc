// The list: filter, sort, keyboard, cells, narrow windows, and thousands of instances.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TEST, becomes, copied, launch, live, names, open, rowOf } from "./browser.mjs";
import { StandIn, row, stopStandIns, without } from "./stand_in.mjs";

let browser;
before(async () => (browser = await launch()));
after(async () => {
  await stopStandIns();
  await browser.close();
});

const some = () => ({
  web: [
    row("web:0", { pid: 501, uptime: 900, cpu_percent: 2, rss_bytes: 9e6 }),
    row("web:1", { pid: 502, uptime: 100, cpu_percent: 30, rss_bytes: 1e6, restarts: 4 }),
    without("web:2", "FATAL", { description: "exited too quickly 4 times in a row (exit code 1)", exit: { code: 1 } }),
  ],
  db: [row("db:0", { pid: 601, uptime: 5000, cpu_percent: 90, rss_bytes: 8e8 })],
  mail: [without("mail:0", "STOPPED", { description: "not started" })],
});

const many = (count, program = "crowd") => ({
  [program]: Array.from({ length: count }, (_, number) => row(`${program}:${number}`, { pid: 10_000 + number })),
});

async function show(programs, options) {
  const server = await new StandIn(programs).start();
  const page = await open(browser, server.url, options);
  await live(page);
  return { server, page };
}

async function finish({ server, page }) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
  await server.stop();
}

const active = (page) =>
  page.evaluate(() => {
    const id = document.getElementById("programs").getAttribute("aria-activedescendant");
    const row = id && document.getElementById(id);
    return row?.classList.contains("active") ? row.querySelector(".title")?.textContent ?? "cells" : null;
  });

test("the filter takes words of the name, the state, the pid and the reason", TEST, async () => {
  const shown = await show(some());
  const { page } = shown;
  for (const [text, expected] of [
    ["web", ["web:0", "web:1", "web:2"]],
    ["WEB running", ["web:0", "web:1"]],
    ["601", ["db:0"]],
    ["quickly", ["web:2"]],
    ["", ["web:0", "web:1", "web:2", "db:0", "mail:0"]],
  ]) {
    await page.fill("#filter", text);
    await becomes(`filter '${text}'`, () => names(page), expected);
  }
  await page.fill("#filter", "nobody");
  await page.locator("#nothing", { hasText: "Nothing matches" }).waitFor();
  await page.click("#nothing button");
  await becomes("everything", () => names(page), ["web:0", "web:1", "web:2", "db:0", "mail:0"]);
  await finish(shown);
});

test("the totals filter by state, and what changes moves in and out", TEST, async () => {
  const shown = await show(some());
  const { page, server } = shown;
  await page.click("#counts [data-state=FATAL]");
  await becomes("FATAL only", () => names(page), ["web:2"]);
  assert.equal(await page.locator("#counts [data-state=FATAL]").getAttribute("aria-pressed"), "true");
  server.change([without("db:0", "FATAL", { description: "exited too quickly" })]);
  await becomes("one more", () => names(page), ["web:2", "db:0"]);
  await page.click("#counts [data-state=STOPPED]");
  await becomes("two states", () => names(page), ["web:2", "db:0", "mail:0"]);
  await page.locator("#shown", { hasText: "3 of 5 shown" }).waitFor();
  await page.locator("#fatal", { hasText: "2 instances gave up. web:2, db:0" }).waitFor();
  await finish(shown);
});

test("every order sorts programs and the instances within them, both ways", TEST, async () => {
  const shown = await show(some());
  const { page } = shown;
  for (const [sort, expected] of [
    ["cpu", ["db:0", "web:1", "web:0", "web:2", "mail:0"]],
    ["rss", ["db:0", "web:0", "web:1", "web:2", "mail:0"]],
    ["name", ["db:0", "mail:0", "web:0", "web:1", "web:2"]],
    ["state", ["web:2", "web:0", "web:1", "mail:0", "db:0"]],
    ["restarts", ["web:1", "web:0", "web:2", "db:0", "mail:0"]],
    ["uptime", ["db:0", "web:0", "web:1", "web:2", "mail:0"]],
    ["", ["web:0", "web:1", "web:2", "db:0", "mail:0"]],
  ]) {
    await page.selectOption("#sort", sort);
    await becomes(`sorted by ${sort}`, () => names(page), expected);
  }
  const head = page.locator("[data-sort=cpu]");
  await head.locator("button").click();
  await becomes("largest first", () => names(page), ["db:0", "web:1", "web:0", "web:2", "mail:0"]);
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  await head.locator("button").click();
  await becomes("smallest first", () => names(page), ["mail:0", "web:2", "web:0", "web:1", "db:0"]);
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  await finish(shown);
});

test("everything can be done by the keyboard", TEST, async () => {
  const shown = await show(some());
  const { page, server } = shown;
  server.log = ["hello"];
  const press = (key) => page.keyboard.press(key);
  await press("/");
  await page.keyboard.type("e");
  await becomes("filtered", () => names(page), ["web:0", "web:1", "web:2", "mail:0"]);
  await press("Escape");
  await becomes("cleared", () => page.inputValue("#filter"), "");
  await becomes("all again", () => names(page), ["web:0", "web:1", "web:2", "db:0", "mail:0"]);
  await press("ArrowDown");
  await becomes("the first row", () => active(page), "web");
  await press("ArrowDown");
  await becomes("the next", () => active(page), "web:0");
  await press("End");
  await becomes("the last", () => active(page), "mail:0");
  await press("Home");
  await press("ArrowLeft");
  await becomes("folded", () => names(page), ["db:0", "mail:0"]);
  await press("ArrowRight");
  await becomes("unfolded", () => names(page), ["web:0", "web:1", "web:2", "db:0", "mail:0"]);
  await press("ArrowDown");
  await press("ArrowDown");
  await becomes("web:1", () => active(page), "web:1");
  await press("c");
  await page.locator("#toast", { hasText: "Copied: taskmaster restart web:1" }).waitFor();
  assert.equal(await copied(page), "taskmaster restart web:1");
  await press("Enter");
  await page.locator("#dock h2", { hasText: "web:1" }).waitFor();
  await page.locator(".log", { hasText: "hello" }).waitFor();
  await press("ArrowUp");
  await page.locator("#dock h2", { hasText: "web:0" }).waitFor();
  await press("Escape");
  await page.locator("#dock").waitFor({ state: "hidden" });
  await press("ArrowLeft");
  await becomes("up to its program", () => active(page), "web");
  await press("c");
  await becomes("the whole program", () => copied(page), "taskmaster restart web");
  await press("f");
  await becomes("FATAL only", () => names(page), ["web:2"]);
  await press("f");
  await press("s");
  await becomes("by name", () => names(page), ["db:0", "mail:0", "web:0", "web:1", "web:2"]);
  await press("?");
  await page.locator("#help").waitFor();
  await press("Escape");
  await page.locator("#help").waitFor({ state: "hidden" });
  await finish(shown);
});

test("the theme follows the system until one is chosen, which is remembered", TEST, async () => {
  const shown = await show(some(), { theme: "dark" });
  const { page } = shown;
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.emulateMedia({ colorScheme: "light" });
  await becomes("light by the system", async () => (await ground()) !== dark, true);
  await page.keyboard.press("t"); // light
  await page.keyboard.press("t"); // dark
  await becomes("dark by choice", ground, dark);
  await page.reload();
  await live(page);
  assert.equal(await ground(), dark);
  await finish(shown);
});

test("hundreds of instances are cells, and a cell leads to its instance", TEST, async () => {
  const shown = await show({ ...many(240), ...some() });
  const { page, server } = shown;
  const canvas = page.locator(".cells canvas");
  await canvas.waitFor();
  const pixel = () =>
    canvas.evaluate((node) => [...node.getContext("2d").getImageData(17 * devicePixelRatio * 2 + 7, 3, 1, 1).data].join());
  const calm = await pixel();
  server.change([without("crowd:2", "FATAL", { description: "gone", exit: { code: 9 } })]);
  await becomes("another look of the cell", async () => (await pixel()) !== calm, true);
  await page.locator(".cells", { hasText: "240 instances: 239 RUNNING, 1 FATAL" }).waitFor();
  await canvas.hover({ position: { x: 17 * 2 + 5, y: 5 } });
  await page.locator("#tip", { hasText: "crowd:2" }).waitFor();
  await page.locator("#tip", { hasText: "gone" }).waitFor();
  await canvas.click({ position: { x: 17 * 2 + 5, y: 5 } });
  await page.locator("#dock h2", { hasText: "crowd:2" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("c");
  await becomes("the second cell", () => copied(page), "taskmaster restart crowd:1");
  await page.keyboard.press("g");
  await page.locator(".process .title", { hasText: "crowd:0" }).waitFor();
  assert.equal(await page.locator(".cells").count(), 0);
  await finish(shown);
});

test("no text of the server ever becomes markup", TEST, async () => {
  const evil = `"><img src=x onerror="alert(1)"><script>alert(2)</script>`;
  const shown = await show({
    [evil]: [row(`${evil}:0`, { description: evil, state: "RUNNING" }), without(`${evil}:1`, "FATAL", { description: evil, exit: { signal: evil } })],
    ...Object.fromEntries(Object.entries(many(100, evil + "2"))),
  });
  const { page } = shown;
  await page.locator(".process .why", { hasText: evil }).first().waitFor();
  await page.locator("#fatal", { hasText: evil }).waitFor();
  await page.locator(".process").first().click();
  await page.locator("#dock [data-part=why]", { hasText: evil }).waitFor();
  await page.locator(".cells canvas").hover({ position: { x: 4, y: 4 } });
  await page.locator("#tip", { hasText: evil }).waitFor();
  assert.equal(await page.locator("img:not(h1 img), main script").count(), 0);
  await finish(shown);
});

test("a phone shows all of it without sideways scrolling", TEST, async () => {
  const shown = await show({ ...many(240), ...some() }, { width: 360, height: 740 });
  const { page } = shown;
  const isWithin = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.equal(await isWithin(), true);
  await rowOf(page, "web:2").scrollIntoViewIfNeeded();
  await rowOf(page, "web:2").click();
  await page.locator("#dock h2", { hasText: "web:2" }).waitFor();
  const box = await page.locator("#dock").boundingBox();
  assert.ok(box.height >= 740, "the log has the whole window");
  assert.equal(await isWithin(), true);
  await page.locator("#dock [data-part=copy]").click();
  await becomes("its command", () => copied(page), "taskmaster restart web:2");
  await page.locator("#dock [data-part=close]").click();
  await page.locator("#dock").waitFor({ state: "hidden" });
  await finish(shown);
});

test("names and states keep their places beside reasons of any length", TEST, async () => {
  const long = "waits for database:0, which is FATAL (depends_on: running), and for whatever else there may be";
  const shown = await show(
    {
      short: [without("short:0", "STARTING", { description: long })],
      back: [without("back:0", "BACKOFF", { description: long, restarts: 12 })],
      live: [row("live:0", { description: long, restarts: 3 })],
      quiet: [without("quiet:0", "STOPPED", { description: "not started" })],
      [`a-name-${"of-many-words-".repeat(4)}x`]: [0, 1].map((at) => row(`a-name-${"of-many-words-".repeat(4)}x:${at}`)),
    },
    { width: 400, height: 900 },
  );
  const { page } = shown;
  const box = async (name, part) => rowOf(page, name).locator(part).boundingBox();
  const isWhole = (name, part) => rowOf(page, name).locator(part).evaluate((node) => node.scrollWidth <= node.clientWidth);
  const right = ({ x, width }) => Math.round(x + width);
  const edge = right(await box("quiet:0", ".state"));
  for (const name of ["short:0", "back:0", "live:0", "quiet:0"]) {
    assert.equal(await isWhole(name, ".title span:first-child"), true, `${name} is cut`);
    assert.equal(right(await box(name, ".state")), edge, `the state of ${name}`);
    const [words, title] = [await box(name, ".why"), await box(name, ".title")];
    assert.ok(words.y >= title.y + title.height - 1 && right(words) <= edge + 1, name);
    assert.ok(words.width > (name === "live:0" ? 60 : 200), `${name} has ${words.width} pixels for its reason`);
  }
  const restarts = await box("back:0", ".restarts");
  assert.ok(right(restarts) <= (await box("back:0", ".why")).x, "the reason stands on the restarts");
  // Of a name that is too long, the number is still to be seen.
  await page.setViewportSize({ width: 1000, height: 900 });
  const names = page.locator(".process .title", { hasText: "of-many-words" });
  for (const at of [0, 1]) {
    const [number, title] = [await names.nth(at).locator("span").last().boundingBox(), await names.nth(at).boundingBox()];
    assert.ok(number.width > 5 && right(number) <= right(title) + 1, JSON.stringify([number, title]));
  }
  const tops = await page.locator(".program > span").evaluateAll((cells) => cells.map((cell) => Math.round(cell.getBoundingClientRect().top)));
  assert.ok(Math.max(...tops) - Math.min(...tops) < 25, "a program's heading is one line");
  assert.ok((await box("short:0", ".why")).width > 200, "room for reasons where the window is of medium width");
  await finish(shown);
});

test("a copied command finds a supervisor of another configuration, too", TEST, async () => {
  const server = new StandIn(some());
  server.config = "/etc/my tasks/it's.yaml";
  await server.start();
  const page = await open(browser, server.url);
  await live(page);
  await page.locator("body").press("End");
  await page.locator("body").press("c");
  await becomes("its command", () => copied(page), `taskmaster restart -c '/etc/my tasks/it'\\''s.yaml' mail:0`);
  await finish({ server, page });
});

test("a page that gets no events polls", TEST, async () => {
  const server = new StandIn(some());
  server.refuseEvents = 502;
  await server.start();
  const page = await open(browser, server.url);
  await page.locator("#connection", { hasText: "Live, by polling" }).waitFor();
  server.programs.mail[0] = row("mail:0", { pid: 777 });
  await rowOf(page, "mail:0").locator(".pid", { hasText: "777" }).waitFor();
  await finish({ server, page });
});

test("a page that nobody looks at gives its connection back", TEST, async () => {
  const shown = await show(some());
  const { page, server } = shown;
  await becomes("a reader", () => server.readers, 1);
  const setHidden = (isHidden) =>
    page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange"));
    }, isHidden);
  await setHidden(true);
  await becomes("no reader", () => server.readers, 0);
  server.programs.mail[0] = row("mail:0", { pid: 777 });
  await setHidden(false);
  await becomes("a reader again", () => server.readers, 1);
  await rowOf(page, "mail:0").locator(".pid", { hasText: "777" }).waitFor();
  await finish(shown);
});

test("programs come and go with a new document", TEST, async () => {
  const shown = await show(some());
  const { page, server } = shown;
  await rowOf(page, "web:0").click();
  await page.locator("#dock [data-part=facts]", { hasText: "RUNNING · pid 501" }).waitFor();
  server.programs = { db: server.programs.db, ...many(2, "new") };
  server.tell();
  await page.locator("#dock [data-part=facts]", { hasText: "no longer configured" }).waitFor();
  await page.keyboard.press("Escape");
  await becomes("the new rows", () => names(page), ["db:0", "new:0", "new:1"]);
  server.programs.new.push(row("new:2"));
  server.change([server.programs.new[2]]);
  await becomes("one that no document named", () => names(page), ["db:0", "new:0", "new:1", "new:2"]);
  server.programs = {};
  server.tell();
  await page.locator("#empty").waitFor();
  await finish(shown);
});

test("5,000 instances are there at once, and changes of a thousand do not hold the page up", TEST, async (t) => {
  for (const programs of [many(5000), Object.assign({}, ...Array.from({ length: 250 }, (_, at) => many(20, `program${at}`)))]) {
    const server = await new StandIn(programs).start();
    const page = await open(browser, "about:blank");
    await page.addInitScript(() => {
      const observer = new MutationObserver(() => {
        if (!document.querySelector("#rows > *")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => (globalThis.painted = performance.now())));
      });
      observer.observe(document, { subtree: true, childList: true });
    });
    await page.goto(server.url);
    await page.waitForFunction(() => globalThis.painted);
    const painted = Math.round(await page.evaluate(() => painted));
    const nodes = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.ok(nodes < 3000, `${nodes} nodes: the rows out of sight are there, too`);
    // The work of an update, without the waiting for a free processor that a busy machine adds.
    await page.evaluate(() => {
      globalThis.frames = [];
      let last = performance.now();
      const frame = (now) => {
        frames.push(now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    const all = Object.values(programs).flat();
    for (let round = 1; round <= 5; round += 1) {
      server.change(all.slice(0, 1000).map((each) => ({ ...each, restarts: round, cpu_percent: round * 1.5 })));
      const program = all[0].name.split(":")[0];
      const sum = String((1000 / new Set(all.slice(0, 1000).map(({ name }) => name.split(":")[0])).size) * round);
      await becomes(`round ${round}`, async () => (await rowOf(page, program).locator(".restarts").textContent()).replace(",", ""), sum);
    }
    const worst = Math.round(Math.max(...(await page.evaluate(() => frames))));
    t.diagnostic(`${Object.keys(programs).length} programs of 5,000 instances: painted after ${painted} ms, ${nodes} nodes, longest frame ${worst} ms`);
    assert.ok(painted < 10_000, `${painted} ms`);
    assert.ok(worst < 2000, `${worst} ms`);
    await finish({ server, page });
  }
});
