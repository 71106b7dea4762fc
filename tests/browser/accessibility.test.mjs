// axe-core finds nothing serious in either theme, whatever is open; and a picture of each is kept.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { TEST, launch, live, open, rowOf } from "./browser.mjs";
import { StandIn, row, stopStandIns, without } from "./stand_in.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = fileURLToPath(new URL("../../target/dashboard/", import.meta.url));

let browser;
before(async () => {
  browser = await launch();
  await mkdir(PICTURES, { recursive: true });
});
after(async () => {
  await stopStandIns();
  await browser.close();
});

const PROGRAMS = () => ({
  web: [
    row("web:0", { pid: 501, uptime: 900, cpu_percent: 2 }),
    row("web:1", { state: "STARTING", description: "retry 1 of 3" }),
    without("web:2", "FATAL", { description: "exited too quickly 4 times in a row (exit code 1)" }),
    without("web:3", "BACKOFF", { description: "exit code 1; retry 1 of 3 in 4 s", restarts: 3 }),
    row("web:4", { state: "STOPPING", description: "SIGTERM sent; SIGKILL in 9 s" }),
  ],
  job: [without("job:0", "EXITED", { exit: { code: 0 }, description: "exit code 0" })],
  off: [without("off:0", "STOPPED", { description: "not started" })],
  none: [],
  crowd: Array.from({ length: 120 }, (_, number) => row(`crowd:${number}`, { pid: 7000 + number })),
});

async function judge(page, what) {
  // Evaluated by the browser's tools, so that the page's own policy stays as it is.
  const faults = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => id + ": " + nodes.map(({ html, any }) => html.slice(0, 160) + " " + any.map(({ message }) => message).join("; ")).join(" | ")))`);
  assert.deepEqual(faults, [], what);
}

for (const theme of ["light", "dark"]) {
  test(`no serious fault: ${theme}`, TEST, async () => {
    const server = await new StandIn(PROGRAMS()).start();
    server.exits = [
      { time: 1_795_878_000.5, pid: 4711, exit: { signal: "KILL" }, core_dumped: false, cause: "killed by SIGKILL, because the kernel ran out of memory", during: "RUNNING", lived: 86_723, last_lines: ["cache grows beyond its bounds", "cannot allocate 1,073,741,824 bytes for the index of the search", "giving up"] },
      { time: 1_795_790_000, pid: 4001, exit: { code: 3 }, core_dumped: false, cause: "exit code 3", during: "STARTING", lived: 0.24, last_lines: ["no such file: settings.toml"] },
      { time: 1_795_789_000, pid: 3999, exit: { signal: "TERM" }, core_dumped: false, cause: "killed by SIGTERM, as its liveness check failed 3 times in a row: no answer within 1 s", during: "STOPPING", lived: 61, last_lines: [] },
    ];
    server.log = ["plain", ...Array.from({ length: 16 }, (_, colour) => `\x1b[${colour < 8 ? 30 + colour : 82 + colour}mcolour ${colour}\x1b[0m`), "\x1b[41mground\x1b[0m \x1b[7minverse\x1b[0m \x1b[2mdim\x1b[0m", "needle"];
    const page = await open(browser, server.url, { theme });
    await live(page);
    await rowOf(page, "web:3").waitFor();
    await judge(page, "the list");
    await page.screenshot({ path: `${PICTURES}${theme}.png` });
    await rowOf(page, "web:2").click();
    await page.locator(".log", { hasText: "needle" }).waitFor();
    await page.fill("#dock [data-part=search]", "needle");
    await page.locator(".log .hit").waitFor();
    await judge(page, "the log");
    await page.screenshot({ path: `${PICTURES}${theme}-log.png` });
    await page.keyboard.press("Escape");
    await page.click("#dock [data-part=exits-button]");
    await page.locator("#black-box h4").first().waitFor();
    await judge(page, "the last exits");
    await page.screenshot({ path: `${PICTURES}${theme}-exits.png` });
    await page.setViewportSize({ width: 390, height: 844 });
    await judge(page, "the last exits on a phone");
    await page.screenshot({ path: `${PICTURES}${theme}-exits-phone.png` });
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.focus(".black-box-list");
    await page.keyboard.press("Escape");
    await page.locator("#dock").waitFor({ state: "hidden" });
    await page.fill("#filter", "nobody");
    await page.locator("#nothing").waitFor();
    await judge(page, "nothing matches");
    await page.fill("#filter", "");
    await page.focus("#help-button");
    await page.keyboard.press("Enter");
    await page.locator("#help").waitFor();
    await judge(page, "the help");
    await page.keyboard.press("Escape");
    await page.setViewportSize({ width: 390, height: 844 });
    await judge(page, "on a phone");
    await page.screenshot({ path: `${PICTURES}${theme}-phone.png` });
    await page.setViewportSize({ width: 1280, height: 900 });
    await server.stop();
    await page.locator("#lost").waitFor();
    await judge(page, "without a connection");
    await page.screenshot({ path: `${PICTURES}${theme}-lost.png` });
    assert.deepEqual(page.faults, []);
    await page.context().close();
  });

  test(`no serious fault without programs: ${theme}`, TEST, async () => {
    const server = await new StandIn({}).start();
    const page = await open(browser, server.url, { theme });
    await page.locator("#empty").waitFor();
    await judge(page, "the empty page");
    assert.deepEqual(page.faults, []);
    await page.context().close();
    await server.stop();
  });
}
