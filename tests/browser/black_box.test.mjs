// The last exits of the instance that is open.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TEST, becomes, launch, live, open, rowOf } from "./browser.mjs";
import { StandIn, row, stopStandIns, without } from "./stand_in.mjs";
import { Supervisor, stopSupervisors } from "./supervisor.mjs";

let browser;
before(async () => (browser = await launch()));
after(async () => {
  await stopSupervisors();
  await stopStandIns();
  await browser.close();
});

const exit = (more = {}) => ({
  time: 1_700_000_000, pid: 77, exit: { code: 3 }, core_dumped: false, cause: "exit code 3", during: "RUNNING",
  lived: 0.24, last_lines: [], ...more,
});

async function show(server, name = "web:1") {
  const page = await open(browser, server.url);
  await live(page);
  await rowOf(page, name).click();
  await page.locator("#dock h2", { hasText: name }).waitFor();
  return page;
}

async function finish(page, server) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
  await server.stop();
}

const state = (page) => page.locator("#black-box [data-part=state]");
const causes = (page) => page.locator("#black-box h4").allTextContents();
const isAsked = (server, count) => becomes("requests", async () => server.asked.length, count);
const web = () => ({ web: [row("web:0"), row("web:1"), row("web:2")] });

test("exits are asked for when they are opened, newest first, with all that is known of each", TEST, async () => {
  const server = await new StandIn(web()).start();
  server.exits = [
    exit({ cause: "killed by SIGKILL, because the kernel ran out of memory", during: "STARTING", last_lines: ["one", "", "three"] }),
    exit({ lived: 7325 }),
  ];
  const page = await show(server);
  assert.equal(await page.locator("#black-box").isVisible(), false);
  assert.deepEqual(server.asked, []);
  await page.click("#dock [data-part=exits-button]");
  await becomes("both", () => causes(page), ["killed by SIGKILL, because the kernel ran out of memory", "exit code 3"]);
  assert.equal(await page.getAttribute("#dock [data-part=exits-button]", "aria-expanded"), "true");
  const facts = await page.locator("#black-box .facts").allTextContents();
  const then = await page.evaluate(() => {
    const time = new Date(1_700_000_000_000);
    const two = (n) => String(n).padStart(2, "0");
    return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  });
  assert.deepEqual(facts, [`${then} · pid 77 · after 0.2s while STARTING`, `${then} · pid 77 · after 2h 02m while RUNNING`]);
  assert.equal(await page.getAttribute("#black-box time >> nth=0", "datetime"), "2023-11-14T22:13:20.000Z");
  assert.deepEqual(await page.locator("#black-box .words > div").allTextContents(), ["one", "", "three"]);
  assert.deepEqual(server.asked, ["/api/programs/web/why/1"]);
  // What is hidden is forgotten, and asked for anew.
  await page.keyboard.press("x");
  await page.locator("#black-box").waitFor({ state: "hidden" });
  assert.deepEqual(await causes(page), []);
  server.exits = [];
  await page.keyboard.press("x");
  await state(page).filter({ hasText: "It has not ended yet." }).waitFor();
  await isAsked(server, 2);
  await finish(page, server);
});

test("what happens to the instance that is open is asked for, and nothing else", TEST, async () => {
  const server = await new StandIn(web()).start();
  server.exits = [exit({ cause: "exit code 1" })];
  const page = await show(server);
  server.change([without("web:1", "BACKOFF")]);
  await page.locator("#dock [data-part=facts]", { hasText: "BACKOFF" }).waitFor();
  assert.deepEqual(server.asked, [], "they are hidden");
  await page.keyboard.press("x");
  await becomes("the first", () => causes(page), ["exit code 1"]);
  // Others, and what is measured, are no reason.
  server.change([without("web:0", "FATAL"), row("web:2", { cpu_percent: 50 })]);
  server.change([without("web:1", "BACKOFF", { description: "retry 1 of 3 in 2 s" })]);
  await page.locator("#dock [data-part=why]", { hasText: "retry 1 of 3" }).waitFor();
  assert.equal(server.asked.length, 1);
  server.exits = [exit({ cause: "exit code 2" }), exit({ cause: "exit code 1" })];
  server.change([without("web:1", "FATAL")]);
  await becomes("another", () => causes(page), ["exit code 2", "exit code 1"]);
  await isAsked(server, 2);
  // One that dies again and again is asked about a few times only, and for the last time at the end.
  const since = Date.now();
  for (let at = 1; at <= 30; at += 1) {
    server.exits = [exit({ cause: `exit code ${at}` })];
    server.change([row("web:1", { pid: 2000 + at, restarts: at })]);
    await page.locator("#dock [data-part=facts]", { hasText: `pid ${2000 + at} ` }).waitFor();
  }
  await becomes("the last", () => causes(page), ["exit code 30"]);
  const [during, seconds] = [server.asked.length - 2, (Date.now() - since) / 1000];
  assert.ok(during <= seconds + 2, `${during} requests within ${seconds} s`);
  // Another instance is another question, and closing the log is the end of it.
  await page.keyboard.press("ArrowDown");
  await page.locator("#dock h2", { hasText: "web:2" }).waitFor();
  await becomes("its own", async () => server.asked.at(-1), "/api/programs/web/why/2");
  await page.keyboard.press("Escape");
  await page.locator("#dock").waitFor({ state: "hidden" });
  const asked = server.asked.length;
  server.change([without("web:2", "FATAL")]);
  await rowOf(page, "web:2").locator("[data-state=FATAL]").waitFor();
  assert.equal(server.asked.length, asked);
  await finish(page, server);
});

test("what children wrote is text, and nothing in it acts", TEST, async () => {
  const server = await new StandIn(web()).start();
  const evil = ["<img src=x onerror=alert(1)>", "<script>alert(2)</script>", "\x1b[31mred\x1b[0m", "a\u202eb", "&amp;"];
  server.exits = [exit({ cause: "exit code 1: <b>", last_lines: evil })];
  const page = await show(server);
  await page.keyboard.press("x");
  await becomes("all of it", () => page.locator("#black-box .words > div").allTextContents(), [
    evil[0], evil[1], "^[[31mred^[[0m", "a\u27e8202E\u27e9b", evil[4],
  ]);
  assert.deepEqual(await causes(page), ["exit code 1: <b>"]);
  assert.equal(await page.locator("#black-box li *:not(h4, p, div, time)").count(), 0);
  await finish(page, server);
});

test("why there is nothing to see is said, and asked for again when there is a connection", TEST, async () => {
  let server = await new StandIn(web()).start();
  const { port } = server;
  server.refuseExits = "logs are for uid 1000 and root only";
  const page = await show(server);
  await page.keyboard.press("x");
  await state(page).filter({ hasText: "logs are for uid 1000 and root only" }).waitFor();
  await server.stop();
  await page.locator("#lost").waitFor();
  await page.keyboard.press("x");
  await page.keyboard.press("x");
  await state(page).filter({ hasText: "The supervisor does not answer." }).waitFor();
  server = new StandIn(web());
  server.exits = [exit()];
  await server.start(port);
  await becomes("they are back", () => causes(page), ["exit code 3"]);
  assert.equal(await state(page).textContent(), "");
  await finish(page, server);
});

test("they can be reached and left by keyboard, also on a phone", TEST, async () => {
  const server = await new StandIn(web()).start();
  server.exits = Array.from({ length: 5 }, () => exit({ last_lines: Array.from({ length: 10 }, (_, at) => `${"long ".repeat(40)}${at}`) }));
  const page = await show(server);
  for (const size of [{ width: 1280, height: 900 }, { width: 390, height: 844 }]) {
    await page.setViewportSize(size);
    await page.focus("#dock [data-part=exits-button]");
    await page.keyboard.press("Enter");
    await becomes("all", async () => (await causes(page)).length, 5);
    const [list, log] = await page.evaluate(() =>
      [".black-box-list", ".log"].map((what) => {
        const node = document.querySelector(what);
        const { left, right, bottom, height } = node.getBoundingClientRect();
        return { left, right, bottom, height, overflows: node.scrollWidth > node.clientWidth };
      }),
    );
    for (const part of [list, log]) {
      assert.ok(part.left >= 0 && part.right <= size.width && part.bottom <= size.height && part.height > 100, JSON.stringify(part));
      assert.equal(part.overflows, false);
    }
    // The keys scroll it once it has the focus, and do not move through the list of instances.
    await page.focus(".black-box-list");
    await page.keyboard.press("End");
    await becomes("its end", () => page.locator(".black-box-list").evaluate((node) => node.scrollTop > 0), true);
    assert.equal(await page.locator("#dock h2").textContent(), "web:1");
    await page.focus("#black-box [data-part=hide]");
    await page.keyboard.press("Enter");
    await page.locator("#black-box").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => document.activeElement.dataset.part), "exits-button");
  }
  await finish(page, server);
});

test("a page of 10,000 instances asks for nothing and has nothing more while they are hidden", TEST, async () => {
  const crowd = Array.from({ length: 10_000 }, (_, number) => row(`crowd:${number}`, { pid: 10_000 + number }));
  const server = await new StandIn({ web: [row("web:0")], crowd }).start();
  server.exits = [exit()];
  const page = await show(server, "web:0");
  for (let turn = 1; turn <= 5; turn += 1) {
    server.change([...server.programs.crowd.map((old) => ({ ...old, restarts: turn, pid: old.pid + 10_000 })), row("web:0", { restarts: turn, pid: 5000 + turn })]);
    await page.locator("#dock [data-part=facts]", { hasText: `pid ${5000 + turn} ` }).waitFor();
  }
  assert.deepEqual(server.asked, []);
  assert.equal(await page.locator("#black-box li").count(), 0);
  await page.keyboard.press("x");
  await becomes("its exit", () => causes(page), ["exit code 3"]);
  const before = server.asked.length;
  server.change(server.programs.crowd.map((old) => ({ ...old, restarts: 9 })));
  server.change([row("web:0", { restarts: 9, pid: 6000 })]);
  await page.locator("#dock [data-part=facts]", { hasText: "pid 6000 " }).waitFor();
  await isAsked(server, before + 1);
  await finish(page, server);
});

test("the real one's exits, as they happen", TEST, async () => {
  const supervisor = await Supervisor.on(`
  bad:
    cmd: [sh, -c, 'echo run >> runs; n=$(wc -l < runs); printf "no <b>cheese</b> \\033[31m%s\\n" "$n" >&2; exec sleep 1000']
    starttime: 0`);
  const page = await open(browser, supervisor.url);
  await live(page);
  await rowOf(page, "bad:0").click();
  await page.keyboard.press("x");
  await state(page).filter({ hasText: "It has not ended yet." }).waitFor();
  const row = () => supervisor.row("bad:0");
  const spoken = async (count) => becomes("its words", () => page.locator(".log > div").count(), count);
  await page.keyboard.press("e");
  await spoken(1);
  process.kill((await row()).pid, "SIGKILL");
  await becomes("the first", () => causes(page), ["killed by SIGKILL"]);
  await spoken(2);
  process.kill((await row()).pid, "SIGTERM");
  await becomes("another above it", () => causes(page), ["killed by SIGTERM", "killed by SIGKILL"]);
  const words = await page.locator("#black-box .words").allTextContents();
  assert.deepEqual(words, ["no <b>cheese</b> \u{fffd}[31m2", "no <b>cheese</b> \u{fffd}[31m1"]);
  assert.match(await page.locator("#black-box .facts").first().textContent(), /^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d · pid \d+ · after \d+(\.\d)?s while RUNNING$/);
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});
