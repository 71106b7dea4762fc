// What the page knows of the supervisor: one object per program and instance, which outlive updates,
// so that an update of 5,000 instances costs what changed.

import { STATES } from "./states.js";
import { History } from "./history.js";

/// Two reports of the same start may differ by the time they took to arrive; below this many
/// milliseconds it is the same start, and the clock on the page does not jump.
const SAME_START_MS = 1500;

export class Model {
  supervisor = null;
  born = 0; // of the supervisor, by the page's clock
  counts = new Map();
  programs = [];
  processes = new Map(); // by name
  cpu = new History();
  rss = new History();
  totals = { slot: 0, cpu: null, rss: null };
  #byName = new Map(); // programs
  #free = [];
  #slots = 1; // 0 belongs to the totals

  /// Takes the whole document. Gives what changed: whether rows came or went, and which rows differ.
  applyStatus(status, now) {
    this.supervisor = status.taskmaster;
    this.born = now - status.taskmaster.uptime * 1000;
    this.#count(status.counts);
    const before = this.#order();
    const changed = new Set();
    const programs = new Map();
    const processes = new Map();
    for (const shown of status.programs) {
      const program = this.#byName.get(shown.name) ?? this.#newProgram(shown.name);
      programs.set(shown.name, program);
      program.processes = shown.processes.map((row) => {
        const process = this.processes.get(row.name) ?? this.#newProcess(row.name, program);
        processes.set(row.name, process);
        if (take(process, row, now)) changed.add(process);
        return process;
      });
    }
    for (const [name, program] of this.#byName) if (!programs.has(name)) this.#free.push(program.slot);
    for (const [name, process] of this.processes) if (!processes.has(name)) this.#free.push(process.slot);
    this.#byName = programs;
    this.processes = processes;
    this.programs = [...programs.values()];
    for (const process of changed) process.program.stale = true;
    return { structure: before !== this.#order(), changed };
  }

  /// Takes rows that changed.
  applyChange({ counts, processes }, now) {
    this.#count(counts);
    const changed = new Set();
    let structure = false;
    for (const row of processes) {
      let process = this.processes.get(row.name);
      if (!process) {
        process = this.#join(row.name);
        structure = true;
      }
      if (!take(process, row, now)) continue;
      changed.add(process);
      process.program.stale = true;
    }
    return { structure, changed };
  }

  /// Adds up what the instances of `program` use and how many are in each state.
  sum(program) {
    if (!program.stale) return program;
    program.stale = false;
    program.states = new Map();
    program.restarts = 0;
    program.cpu = null;
    program.rss = null;
    for (const process of program.processes) {
      program.states.set(process.state, (program.states.get(process.state) ?? 0) + 1);
      program.restarts += process.restarts;
      if (process.cpu !== null) program.cpu = (program.cpu ?? 0) + process.cpu;
      if (process.rss !== null) program.rss = (program.rss ?? 0) + process.rss;
    }
    return program;
  }

  /// Sums of everything.
  sumAll() {
    let [cpu, rss] = [null, null];
    for (const program of this.programs) {
      this.sum(program);
      if (program.cpu !== null) cpu = (cpu ?? 0) + program.cpu;
      if (program.rss !== null) rss = (rss ?? 0) + program.rss;
    }
    Object.assign(this.totals, { cpu, rss });
    return this.totals;
  }

  /// Adds a sample of what is known now to every history.
  sample() {
    this.cpu.advance();
    this.rss.advance();
    this.sumAll();
    for (const process of this.processes.values()) this.#sampleOne(process);
    for (const program of this.programs) this.#sampleOne(program);
    this.#sampleOne(this.totals);
  }

  #sampleOne({ slot, cpu, rss }) {
    this.cpu.set(slot, cpu);
    this.rss.set(slot, rss);
  }

  #count(counts) {
    this.counts = new Map(STATES.map((state) => [state, counts[state] ?? 0]));
  }

  #order() {
    return this.programs.map(({ slot, processes }) => `${slot}:${processes.map((p) => p.slot).join()}`).join(";");
  }

  #slot() {
    const slot = this.#free.pop() ?? this.#slots++;
    this.cpu.clear(slot);
    this.rss.clear(slot);
    return slot;
  }

  #newProgram(name) {
    return { name, slot: this.#slot(), processes: [], stale: true, states: new Map(), restarts: 0, cpu: null, rss: null };
  }

  #newProcess(name, program) {
    const number = Number(name.slice(name.lastIndexOf(":") + 1)) || 0;
    return { name, number, program, slot: this.#slot(), state: null, pid: null, born: null, restarts: 0, exit: null, description: "", saidAt: 0, cpu: null, rss: null };
  }

  /// An instance that no document has named yet finds its place by its name.
  #join(name) {
    const programName = name.slice(0, Math.max(name.lastIndexOf(":"), 0));
    let program = this.#byName.get(programName);
    if (!program) {
      program = this.#newProgram(programName);
      this.#byName.set(programName, program);
      this.programs.push(program);
    }
    const process = this.#newProcess(name, program);
    const place = program.processes.findIndex((other) => other.number > process.number);
    program.processes.splice(place < 0 ? program.processes.length : place, 0, process);
    program.stale = true;
    this.processes.set(name, process);
    return process;
  }
}

/// Writes a row into its process; false if it says nothing new.
function take(process, row, now) {
  const born = row.uptime === null ? null : now - row.uptime * 1000;
  const sameStart =
    process.pid === row.pid && born !== null && process.born !== null && Math.abs(born - process.born) < SAME_START_MS;
  const sameExit = process.exit?.code === row.exit?.code && process.exit?.signal === row.exit?.signal;
  const same =
    process.state === row.state &&
    process.pid === row.pid &&
    (sameStart || born === process.born) &&
    process.restarts === row.restarts &&
    process.description === row.description &&
    process.cpu === row.cpu_percent &&
    process.rss === row.rss_bytes &&
    sameExit;
  if (same) return false;
  if (process.description !== row.description) process.saidAt = now;
  process.state = row.state;
  process.pid = row.pid;
  if (!sameStart) process.born = born;
  process.restarts = row.restarts;
  process.exit = row.exit;
  process.description = row.description;
  process.cpu = row.cpu_percent;
  process.rss = row.rss_bytes;
  return true;
}
