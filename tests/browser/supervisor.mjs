// The real binary on a configuration of its own.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "./browser.mjs";

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/// Those that still run: a test that fails must not leave one.
const running = new Set();
export const stopSupervisors = () => Promise.all([...running].map((supervisor) => supervisor.stop()));

export class Supervisor {
  /// `programs`: lines below `programs:`, indented. TASKMASTER names the binary.
  static async on(programs) {
    const supervisor = new Supervisor();
    supervisor.directory = await mkdtemp(join(tmpdir(), "taskmaster-browser-"));
    supervisor.port = await freePort();
    const config = `programs:${programs}\ntaskmaster:\n  http: 127.0.0.1:${supervisor.port}\n`;
    await writeFile(join(supervisor.directory, "config.yaml"), config);
    await supervisor.start();
    return supervisor;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  async start() {
    running.add(this);
    this.process = spawn(process.env.TASKMASTER, [], { cwd: this.directory, stdio: ["ignore", "ignore", "inherit"] });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    const deadline = Date.now() + PATIENCE;
    while (!(await this.answers())) {
      if (Date.now() > deadline || this.process.exitCode !== null) throw new Error("the supervisor does not answer");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async answers() {
    try {
      return (await fetch(`${this.url}healthz`)).ok;
    } catch {
      return false;
    }
  }

  async row(name) {
    const status = await (await fetch(`${this.url}api/status`)).json();
    return status.programs.flatMap(({ processes }) => processes).find((row) => row.name === name);
  }

  /// Ends it as a service manager would.
  async end() {
    this.process.kill("SIGCONT"); // a test may have frozen it
    this.process.kill("SIGTERM");
    await this.ended;
  }

  async stop() {
    running.delete(this);
    if (this.process.exitCode === null) await this.end();
    await rm(this.directory, { recursive: true, force: true });
  }
}
