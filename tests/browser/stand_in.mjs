// A stand-in for the supervisor's server: the same pages under the same policy, but with rows that a
// test makes up, 5,000 of them if it likes. What only the real binary can show is tested on that.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const DASHBOARD = fileURLToPath(new URL("../../dashboard/", import.meta.url));
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
/// That of src/http/response.rs.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export function row(name, more = {}) {
  return {
    name, state: "RUNNING", pid: 1000, uptime: 60, restarts: 0, exit: null, description: "",
    cpu_percent: 0.1, rss_bytes: 3_500_000, ...more,
  };
}

/// A row whose process is not there.
export const without = (name, state, more = {}) =>
  row(name, { state, pid: null, uptime: null, cpu_percent: null, rss_bytes: null, ...more });

/// `programs`: name -> rows.
export function documentOf(programs, config) {
  const counts = {};
  for (const { state } of Object.values(programs).flat()) counts[state] = (counts[state] ?? 0) + 1;
  return {
    taskmaster: { version: "0.1.0", pid: 4242, uptime: 12.5, config },
    counts,
    programs: Object.entries(programs).map(([name, processes]) => ({ name, numprocs: processes.length, processes })),
  };
}

/// Those that still serve: a test that fails must not leave one, which would keep Node waiting for ever.
const open = new Set();
export const stopStandIns = () => Promise.all([...open].map((server) => server.stop()));

export class StandIn {
  #server = createServer((request, response) => this.#answer(request, response));
  #readers = new Set();
  #followers = new Set();
  programs;
  config = "config.yaml";
  log = [];
  /// Set to a status code to refuse events: what a proxy that does not know them may do.
  refuseEvents = null;
  refuseLogs = null;
  /// Of every instance.
  exits = [];
  refuseExits = null;
  /// Paths of the requests for them, in order.
  asked = [];

  constructor(programs) {
    this.programs = programs;
  }

  async start(port = 0) {
    await new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    open.add(this);
    return this;
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  get readers() {
    return this.#readers.size;
  }

  /// Replaces rows and tells the page of them.
  change(rows) {
    for (const changed of rows) {
      const program = changed.name.slice(0, changed.name.lastIndexOf(":"));
      const at = this.programs[program].findIndex(({ name }) => name === changed.name);
      this.programs[program][at] = changed;
    }
    this.#send("change", { counts: documentOf(this.programs, this.config).counts, processes: rows });
  }

  /// Tells the page everything anew.
  tell() {
    this.#send("status", documentOf(this.programs, this.config));
  }

  print(...lines) {
    this.log.push(...lines);
    for (const response of this.#followers) response.write(events(lines));
  }

  async stop() {
    if (!open.delete(this)) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #send(event, data) {
    for (const response of this.#readers) response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  async #answer({ url }, response) {
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.setHeader("Cache-Control", "no-store");
    const { pathname, searchParams } = new URL(url, "http://x");
    if (pathname === "/healthz") return response.end("ok");
    if (pathname === "/api/status") {
      response.setHeader("Content-Type", "application/json");
      return response.end(JSON.stringify(documentOf(this.programs, this.config)));
    }
    if (pathname === "/api/events") {
      if (this.refuseEvents) return response.writeHead(this.refuseEvents).end();
      return this.#stream(response, this.#readers, `event: status\ndata: ${JSON.stringify(documentOf(this.programs, this.config))}\n\n`);
    }
    if (pathname.includes("/why/")) {
      this.asked.push(pathname);
      if (this.refuseExits) return response.writeHead(403).end(this.refuseExits);
      response.setHeader("Content-Type", "application/json");
      return response.end(JSON.stringify({ name: "", lines: [], exits: this.exits }));
    }
    if (pathname.includes("/logs/")) return this.#logs(searchParams, response);
    return asset(pathname, response);
  }

  #logs(parameters, response) {
    if (this.refuseLogs) return response.writeHead(403).end(this.refuseLogs);
    const last = this.log.slice(-Number(parameters.get("lines") ?? 100));
    if (!parameters.has("follow")) {
      response.setHeader("Content-Type", "text/plain; charset=utf-8");
      return response.end(last.map((line) => `${line}\n`).join(""));
    }
    return this.#stream(response, this.#followers, events(last));
  }

  #stream(response, readers, first) {
    response.setHeader("Content-Type", "text/event-stream");
    response.flushHeaders();
    response.write(first);
    readers.add(response);
    response.on("close", () => readers.delete(response));
  }
}

/// One event a line, as src/http/sse.rs writes them: a carriage return would end the line for the reader.
const events = (lines) => lines.map((line) => `event: line\ndata: ${line.replaceAll("\r", " ")}\n\n`).join("");

async function asset(pathname, response) {
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  if (!/^[a-z_]+\.(html|js|css|svg)$/.test(name)) return response.writeHead(404).end();
  try {
    const body = await readFile(DASHBOARD + name);
    response.setHeader("Content-Type", `${TYPES[name.split(".")[1]]}; charset=utf-8`);
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}
