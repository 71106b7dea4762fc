// The dashboard. A source of documents (today: polling) calls render(status); nothing else writes
// the page, apart from the clock that counts uptimes between two documents and the connection line.
// Every text goes in by textContent: names and descriptions are other people's words.

const STATES = ["RUNNING", "STARTING", "BACKOFF", "FATAL", "EXITED", "STOPPING", "STOPPED"];
const POLL_MS = 1000;
const RETRY_MAX_MS = 10000;
const TIMEOUT_MS = 5000;

const page = Object.fromEntries(
  ["about", "connection", "counts", "programs", "empty"].map((id) => [id, document.getElementById(id)]),
);

// ---- how values read ----

function duration(seconds) {
  const s = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${two(Math.floor(s / 3600) % 24)}h`;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/// What a process has not is left blank.
function orBlank(value, format) {
  return value === null ? "" : format(value);
}

function describe(process) {
  if (process.description) return process.description;
  if (process.pid !== null || !process.exit) return "";
  return process.exit.signal ? `killed by ${process.exit.signal}` : `exit code ${process.exit.code}`;
}

// ---- nodes that outlive an update: only what changed is written ----

function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setState(node, state) {
  if (node.dataset.state === state) return;
  node.dataset.state = state;
  node.querySelector("use").setAttribute("href", `#${state}`);
  node.querySelector("span").textContent = state;
}

/// Makes the children of `parent`, after its first `fixed` ones, match `items`; `views` knows them by name.
function reconcile(parent, fixed, views, items, create) {
  const wanted = new Set(items.map((item) => item.name));
  for (const [name, view] of views) {
    if (wanted.has(name)) continue;
    view.node.remove();
    views.delete(name);
  }
  items.forEach((item, index) => {
    if (!views.has(item.name)) views.set(item.name, create(item));
    const view = views.get(item.name);
    const place = parent.children[fixed + index] ?? null;
    if (place !== view.node) parent.insertBefore(view.node, place);
    view.update(item);
  });
}

// ---- the parts of the page ----

function createCount(state) {
  const node = clone("count-template");
  setState(node, state);
  page.counts.append(node);
  const number = node.querySelector("b");
  return (count) => {
    setText(number, String(count));
    node.classList.toggle("zero", count === 0);
  };
}

function createProcess({ name }) {
  const node = clone("process-template");
  const [title, state, pid, uptime, restarts, cpu, memory, description] = node.children;
  title.textContent = name;
  let born = null; // when the process started, by this page's clock
  const tick = () => setText(uptime, orBlank(born, (at) => duration((performance.now() - at) / 1000)));
  const update = (process) => {
    setState(state, process.state);
    setText(pid, orBlank(process.pid, String));
    setText(restarts, String(process.restarts));
    setText(cpu, orBlank(process.cpu_percent, (percent) => `${percent.toFixed(1)} %`));
    setText(memory, orBlank(process.rss_bytes, bytes));
    setText(description, describe(process));
    born = process.uptime === null ? null : performance.now() - process.uptime * 1000;
    tick();
  };
  return { node, update, tick };
}

function createProgram({ name }) {
  const node = clone("program-template");
  const header = node.firstElementChild;
  const summary = header.querySelector(".summary");
  const processes = new Map();
  header.querySelector(".name").textContent = name;
  const update = (program) => {
    const running = program.processes.filter((process) => process.state === "RUNNING").length;
    // A lone instance needs no heading above it.
    header.hidden = program.processes.length === 1;
    setText(summary, program.processes.length ? `${running} of ${program.processes.length} running` : "no instances");
    reconcile(node, 1, processes, program.processes, createProcess);
  };
  const tick = () => processes.forEach((process) => process.tick());
  return { node, update, tick };
}

const counts = new Map(STATES.map((state) => [state, createCount(state)]));
const programs = new Map();
let supervisorBorn = null;
let supervisor = null;

function tick() {
  if (supervisor === null) return;
  const up = duration((performance.now() - supervisorBorn) / 1000);
  setText(page.about, `${supervisor.config} · version ${supervisor.version} · pid ${supervisor.pid} · up ${up}`);
  programs.forEach((program) => program.tick());
}

/// Shows one document of /api/status.
function render(status) {
  supervisor = status.taskmaster;
  supervisorBorn = performance.now() - supervisor.uptime * 1000;
  counts.forEach((show, state) => show(status.counts[state] ?? 0));
  reconcile(page.programs, 2, programs, status.programs, createProgram);
  page.programs.hidden = status.programs.length === 0;
  page.empty.hidden = status.programs.length !== 0;
  const fatal = status.counts.FATAL ?? 0;
  document.title = fatal ? `${fatal} FATAL – Taskmaster` : "Taskmaster";
  tick();
}

// ---- the connection ----

let clock = null;
let lastSeen = null;

function connected() {
  lastSeen = new Date();
  document.body.classList.remove("lost");
  setText(page.connection, "Live");
  clock ??= setInterval(tick, 1000);
}

/// Old values stay on the page, but nothing pretends that they are still true.
function disconnected() {
  clearInterval(clock);
  clock = null;
  document.body.classList.add("lost");
  const since = lastSeen ? ` What you see is from ${lastSeen.toLocaleTimeString()}.` : "";
  setText(page.connection, `No connection to the supervisor, trying again.${since}`);
}

let pending = null;
let failures = 0;

/// The supervisor's answer, or null when there is none.
async function fetchStatus() {
  try {
    const response = await fetch("api/status", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

async function poll() {
  clearTimeout(pending);
  if (document.hidden) return;
  const status = await fetchStatus();
  failures = status ? 0 : failures + 1;
  clearTimeout(pending);
  pending = setTimeout(poll, Math.min(POLL_MS * 2 ** Math.max(failures - 1, 0), RETRY_MAX_MS));
  if (status) {
    render(status);
    connected();
  } else {
    disconnected();
  }
}

document.addEventListener("visibilitychange", poll);
poll();
