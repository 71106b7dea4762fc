// What only the real supervisor can show: that the page follows it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TEST, becomes, launch, live, open, rowOf } from "./browser.mjs";
import { Supervisor, stopSupervisors } from "./supervisor.mjs";

const PROGRAMS = `
  worker: {cmd: sleep 1000, numprocs: 3, starttime: 0, autorestart: always}
  broken: {cmd: ["/nowhere/<img src=x onerror=alert(1)>"], startretries: 0}
  done: {cmd: "sh -c 'exit 3'", exitcodes: [3], starttime: 0, autorestart: unexpected}`;

let browser;
before(async () => (browser = await launch()));
after(async () => {
  await stopSupervisors();
  await browser.close();
});

test("the page shows what the supervisor supervises", TEST, async () => {
  const supervisor = await Supervisor.on(PROGRAMS);
  const page = await open(browser, supervisor.url);
  await live(page);
  for (const name of ["worker:0", "worker:1", "worker:2"]) {
    await rowOf(page, name).locator(".state", { hasText: "RUNNING" }).waitFor();
    const { pid } = await supervisor.row(name);
    assert.equal(await rowOf(page, name).locator(".pid").textContent(), String(pid));
  }
  await rowOf(page, "done:0").locator(".state", { hasText: "EXITED" }).waitFor();
  await rowOf(page, "done:0").locator(".why", { hasText: "exit code 3" }).waitFor();
  await page.locator("#counts [data-state=RUNNING] b", { hasText: /^3$/ }).waitFor();
  await page.locator("#fatal", { hasText: "1 instance gave up" }).waitFor();
  assert.match(await page.title(), /1 FATAL/);
  assert.match(await page.locator("#about").textContent(), new RegExp(`pid ${supervisor.process.pid} `));
  // The reason quotes the command line, which is somebody else's text.
  await rowOf(page, "broken:0").locator(".why", { hasText: "<img src=x" }).waitFor();
  assert.equal(await page.locator("#rows img, #fatal img").count(), 0);
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

test("uptimes count by themselves", TEST, async () => {
  const supervisor = await Supervisor.on("\n  worker: {cmd: sleep 1000, starttime: 0}");
  const page = await open(browser, supervisor.url);
  await live(page);
  const seconds = async () => Number.parseInt(await rowOf(page, "worker:0").locator(".uptime").textContent(), 10);
  const first = await seconds();
  await becomes("three seconds more", async () => (await seconds()) >= first + 3, true);
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

test("a killed process is seen to be replaced, soon and in order", TEST, async (t) => {
  const supervisor = await Supervisor.on(PROGRAMS);
  const page = await open(browser, supervisor.url);
  await live(page);
  const { pid } = await supervisor.row("worker:1");
  await rowOf(page, "worker:1").locator(".pid", { hasText: String(pid) }).waitFor();
  // The page itself notes when it shows another pid; its wall clock is that of this machine.
  await page.evaluate(() => {
    const row = [...document.querySelectorAll(".process")].find((r) => r.querySelector(".title").textContent === "worker:1");
    globalThis.seen = [];
    const look = () => seen.push({ at: Date.now(), pid: row.querySelector(".pid").textContent, restarts: row.querySelector(".restarts").textContent });
    look();
    new MutationObserver(look).observe(row, { subtree: true, childList: true, characterData: true });
  });
  const killedAt = Date.now();
  process.kill(pid, "SIGKILL");
  await page.waitForFunction((old) => seen.some((look) => look.pid && look.pid !== old && look.restarts === "1"), String(pid));
  const seen = await page.evaluate(() => seen);
  const shown = seen.find((look) => look.pid && look.pid !== String(pid));
  const latency = shown.at - killedAt;
  t.diagnostic(`a kill was on the page after ${latency} ms`);
  assert.ok(latency < 5000, `${latency} ms`);
  // What was there before does not come back.
  assert.ok(seen.slice(seen.indexOf(shown)).every((look) => look.pid !== String(pid)), JSON.stringify(seen));
  await rowOf(page, "worker:1").locator(".why", { hasText: "killed by KILL" }).waitFor();
  assert.equal(await rowOf(page, "worker:0").locator(".restarts").textContent(), "0");
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

test("a lost connection is said, and found again after a restart", TEST, async () => {
  const supervisor = await Supervisor.on(PROGRAMS);
  const page = await open(browser, supervisor.url);
  await live(page);
  const before = await page.locator("#about").textContent();
  await rowOf(page, "worker:0").locator(".state", { hasText: "RUNNING" }).waitFor();
  await supervisor.end();
  await page.locator("#lost", { hasText: "No connection to the supervisor" }).waitFor();
  assert.match(await page.locator("#lost").textContent(), /What you see is from /);
  // Its last words stay to be read, and its clock stands still.
  assert.equal(await rowOf(page, "worker:0").count(), 1);
  const frozen = await rowOf(page, "worker:0").locator(".uptime").textContent();
  await page.locator("#lost", { hasText: "Trying again" }).waitFor();
  assert.equal(await rowOf(page, "worker:0").locator(".uptime").textContent(), frozen);
  await supervisor.start();
  await live(page);
  await page.locator("#lost").waitFor({ state: "hidden" });
  await becomes("the new pid", async () => (await page.locator("#about").textContent()).includes(`pid ${supervisor.process.pid} `), true);
  assert.notEqual(await page.locator("#about").textContent(), before);
  const { pid } = await supervisor.row("worker:0");
  await rowOf(page, "worker:0").locator(".pid", { hasText: String(pid) }).waitFor();
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

const NOISY = `
  noisy:
    starttime: 0
    cmd: [sh, -c, 'n=0; echo "<img src=x onerror=alert(1)>"; printf "\\033[32mgreen\\033[0m\\n"; echo "<script>alert(2)</script>" >&2; while sleep 0.2; do n=$((n + 1)); echo "line $n"; done']`;

test("the log of a running program is followed, whatever it prints", TEST, async () => {
  const supervisor = await Supervisor.on(NOISY);
  const page = await open(browser, supervisor.url);
  await live(page);
  await rowOf(page, "noisy:0").click();
  const line = (text) => page.locator(".log > div").filter({ hasText: text });
  await line(/^<img src=x onerror=alert\(1\)>$/).waitFor();
  await page.locator(".log .fg-2", { hasText: "green" }).waitFor();
  // Lines that are printed only now arrive, too, each once and in order.
  const count = () => page.locator(".log > div").count();
  const before = await count();
  await becomes("five more lines", async () => (await count()) >= before + 5, true);
  const texts = (await page.locator(".log > div").allTextContents()).slice(2);
  assert.deepEqual(texts, texts.map((_, at) => `line ${at + 1}`));
  await page.keyboard.press("p");
  const paused = await count();
  await page.locator("#dock [data-part=newest]", { hasText: /^\d+ new lines/ }).waitFor();
  assert.equal(await count(), paused);
  await page.keyboard.press("e");
  await line(/^<script>alert\(2\)<\/script>$/).waitFor();
  assert.equal(await count(), 1);
  assert.equal(await page.locator(".log img, .log script").count(), 0);
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

test("the log is followed again after a restart of the supervisor", TEST, async () => {
  const supervisor = await Supervisor.on(`\n  once: {cmd: "sh -c 'echo pid $$; sleep 1000'", starttime: 0}`);
  const page = await open(browser, supervisor.url);
  await live(page);
  await rowOf(page, "once:0").click();
  const first = (await supervisor.row("once:0")).pid;
  await page.locator(".log", { hasText: `pid ${first}` }).waitFor();
  await supervisor.end();
  await page.locator("#lost").waitFor();
  await supervisor.start();
  const second = (await supervisor.row("once:0")).pid;
  await becomes("both", () => page.locator(".log > div").allTextContents(), [`pid ${first}`, `pid ${second}`]);
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

test("a supervisor that has stopped answering without a word is noticed", TEST, async () => {
  const supervisor = await Supervisor.on(PROGRAMS);
  const page = await open(browser, supervisor.url);
  await live(page);
  supervisor.process.kill("SIGSTOP");
  await page.locator("#lost").waitFor({ timeout: 90_000 });
  supervisor.process.kill("SIGCONT");
  await live(page);
  await page.locator("#lost").waitFor({ state: "hidden" });
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});

test("a supervisor without programs has a page, too", TEST, async () => {
  const supervisor = await Supervisor.on(" {}");
  const page = await open(browser, supervisor.url);
  await live(page);
  await page.locator("#empty", { hasText: "No programs yet" }).waitFor();
  assert.equal(await page.locator("#programs").isVisible(), false);
  assert.deepEqual(page.faults, []);
  await supervisor.stop();
});
