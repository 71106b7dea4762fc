// The log viewer.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TEST, becomes, launch, live, open, rowOf } from "./browser.mjs";
import { StandIn, row, stopStandIns } from "./stand_in.mjs";

let browser;
before(async () => (browser = await launch()));
after(async () => {
  await stopStandIns();
  await browser.close();
});

async function showLog(lines) {
  const server = await new StandIn({ web: [row("web:0"), row("web:1")] }).start();
  server.log = lines;
  const page = await open(browser, server.url);
  await live(page);
  await rowOf(page, "web:1").click();
  await page.locator("#dock h2", { hasText: "web:1" }).waitFor();
  if (lines.length) await page.locator(".log > div").first().waitFor();
  return { server, page };
}

async function finish({ server, page }) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
  await server.stop();
}

const texts = (page) => page.locator(".log > div").allTextContents();
const isAtEnd = (page) =>
  page.locator(".log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 24);
const numbered = (from, to) => Array.from({ length: to - from }, (_, at) => `line ${from + at}`);

test("new lines appear at the end and the view follows them", TEST, async () => {
  const shown = await showLog(numbered(0, 200));
  const { page, server } = shown;
  await becomes("the lines that were there", async () => (await texts(page)).length, 200);
  await becomes("the end", () => isAtEnd(page), true);
  for (let at = 200; at < 260; at += 1) server.print(`line ${at}`);
  await becomes("all of them in order", () => texts(page), numbered(0, 260));
  await becomes("the end", () => isAtEnd(page), true);
  await finish(shown);
});

test("a pause holds the view still, and following again shows what came", TEST, async () => {
  const shown = await showLog(numbered(0, 100));
  const { page, server } = shown;
  await page.keyboard.press("p");
  await page.locator("#dock [data-part=follow]", { hasText: "Paused" }).waitFor();
  server.print(...numbered(100, 130));
  await page.locator("#dock [data-part=newest]", { hasText: "30 new lines" }).waitFor();
  assert.equal((await texts(page)).length, 100);
  await page.click("#dock [data-part=newest]");
  await becomes("all of them", () => texts(page), numbered(0, 130));
  // So does scrolling up.
  await page.locator(".log").hover();
  await page.mouse.wheel(0, -400);
  await page.locator("#dock [data-part=follow]", { hasText: "Paused" }).waitFor();
  server.print("line 130");
  await page.locator("#dock [data-part=newest]", { hasText: "1 new line" }).waitFor();
  assert.equal((await texts(page)).length, 130);
  await finish(shown);
});

test("search marks lines, counts them and goes from one to the next", TEST, async () => {
  const shown = await showLog([...numbered(0, 50), "a NEEDLE here", ...numbered(50, 100), "another needle"]);
  const { page, server } = shown;
  await page.fill("#dock [data-part=search]", "needle");
  await page.locator("#dock [data-part=hits]", { hasText: "2 lines" }).waitFor();
  assert.deepEqual(await page.locator(".log .hit").allTextContents(), ["a NEEDLE here", "another needle"]);
  server.print("a third needle");
  await page.locator("#dock [data-part=hits]", { hasText: "3 lines" }).waitFor();
  await page.focus("#dock [data-part=search]");
  await page.keyboard.press("Enter");
  await becomes("the latest first", () => page.locator(".log .current").textContent(), "a third needle");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await becomes("then upwards", () => page.locator(".log .current").textContent(), "a NEEDLE here");
  await page.locator("#dock [data-part=hits]", { hasText: "1 of 3 lines" }).waitFor();
  await page.keyboard.press("Escape");
  await becomes("nothing is marked", () => page.locator(".log .hit").count(), 0);
  await finish(shown);
});

test("colours are colours, and nothing a program prints becomes markup", TEST, async () => {
  const shown = await showLog([
    "\x1b[31mred\x1b[0m plain \x1b[1;44mbold on blue\x1b[m",
    "\x1b[38;2;10;200;30mgreen\x1b[38;5;196mindexed\x1b[0m",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "\x1b[31m<b onclick=alert(3)>\x1b]8;;javascript:alert(4)\x07link\x1b]8;;\x07\x1b[0m",
    "\x1b]0;title\x07after \x1b[2Jclear \x07bell \u202egnp",
    "10%\r100%\r",
    "\x1b[31\"onmouseover=alert(5)mx",
  ]);
  const { page, server } = shown;
  await becomes("the lines", async () => (await texts(page)).length, 7);
  assert.deepEqual((await texts(page)).slice(0, 6), [
    "red plain bold on blue",
    "greenindexed",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "<b onclick=alert(3)>link",
    "after clear ^Gbell \u27e8202E\u27e9gnp",
    "10% 100% ",
  ]);
  const classes = await page.locator(".log > div:first-child span").evaluateAll((spans) => spans.map((span) => span.className));
  assert.deepEqual(classes, ["fg-1", "bg-4 bold"]);
  const colours = await page.locator(".log > div:nth-child(2) span").evaluateAll((spans) => spans.map((span) => span.style.color));
  assert.deepEqual(colours, ["rgb(10, 200, 30)", "rgb(255, 0, 0)"]);
  const kinds = await page.locator(".log *").evaluateAll((nodes) => [...new Set(nodes.map((node) => node.localName))].sort());
  assert.deepEqual(kinds, ["div", "span"]);
  const attributes = await page.locator(".log *").evaluateAll((nodes) => [...new Set(nodes.flatMap((node) => node.getAttributeNames()))].sort());
  assert.deepEqual(attributes, ["class", "style"]);
  server.print("<svg onload=alert(6)>");
  await page.fill("#dock [data-part=search]", "onload");
  await page.locator(".log .hit", { hasText: "<svg onload=alert(6)>" }).waitFor();
  await finish(shown);
});

test("the other stream is one key away, and a refusal gives its reason", TEST, async () => {
  const shown = await showLog(["out"]);
  const { page, server } = shown;
  const asked = page.waitForRequest((request) => request.url().includes("/api/programs/web/logs/1/stderr"));
  await page.keyboard.press("e");
  await asked;
  assert.equal(await page.locator("[data-stream=stderr]").getAttribute("aria-pressed"), "true");
  server.refuseLogs = "logs are for the supervisor's own user";
  await page.keyboard.press("e");
  await page.locator("#dock [data-part=stream-state]", { hasText: "logs are for the supervisor's own user" }).waitFor();
  server.refuseLogs = null;
  await page.locator(".log", { hasText: "out" }).waitFor();
  await becomes("no complaint", () => page.locator("#dock [data-part=stream-state]").textContent(), "");
  await finish(shown);
});

test("a flood is shown in bounded pieces, newest at the end", TEST, async () => {
  const shown = await showLog(["first"]);
  const { page, server } = shown;
  for (let batch = 0; batch < 20; batch += 1) server.print(...numbered(batch * 1000, (batch + 1) * 1000));
  await becomes("the last line", async () => (await page.locator(".log > div").last().textContent()), "line 19999");
  assert.ok((await page.locator(".log > div").count()) <= 5500);
  await becomes("the end", () => isAtEnd(page), true);
  await finish(shown);
});
