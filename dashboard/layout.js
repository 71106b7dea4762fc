// Which rows there are, in which order: the configuration's programs through the filter and the sort.

import { severity } from "./states.js";

/// Up to so many instances are rows by default; more are cells.
export const ROWS_MAX = 50;
/// From so many instances on, cells are worth offering.
export const CELLS_MIN = 12;

/// What the reader has chosen.
export class Choice {
  text = "";
  states = new Set(); // empty: all
  sort = ""; // "": as configured
  backwards = false;
  cellsShow = "state";
  views = new Map(); // name of a program -> "rows" | "cells" | "folded"

  get isFiltering() {
    return this.text !== "" || this.states.size > 0;
  }

  viewOf(program, shown) {
    return this.views.get(program.name) ?? (shown > ROWS_MAX ? "cells" : "rows");
  }
}

/// The items of the list, top to bottom.
export function arrange(model, choice) {
  const fits = matcher(choice);
  const groups = [];
  for (const program of model.programs) {
    const processes = choice.isFiltering ? program.processes.filter(fits) : program.processes;
    if (processes.length || !choice.isFiltering) groups.push({ program, processes });
  }
  order(groups, choice);
  const items = [];
  let shown = 0;
  for (const { program, processes } of groups) {
    shown += processes.length;
    // A lone instance needs no heading above it.
    if (program.processes.length === 1) {
      if (processes.length) items.push(rowOf(processes[0], 1));
      continue;
    }
    const view = choice.viewOf(program, processes.length);
    items.push({ kind: "program", key: `p${program.slot}`, program, shown: processes.length, view });
    if (view === "rows") for (const process of processes) items.push(rowOf(process, 2));
    if (view === "cells" && processes.length) items.push({ kind: "cells", key: `g${program.slot}`, program, processes });
  }
  return { items, shown };
}

const rowOf = (process, level) => ({ kind: "process", key: `i${process.slot}`, process, level });

/// Every word of the filter has to occur somewhere in the row.
function matcher({ text, states }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (process) => {
    if (states.size && !states.has(process.state)) return false;
    if (!words.length) return true;
    const all = `${process.name} ${process.state} ${process.pid ?? ""} ${process.description}`.toLowerCase();
    return words.every((word) => all.includes(word));
  };
}

const compareNames = new Intl.Collator("en", { numeric: true }).compare;

/// What each order compares, of a process and of a program. Larger first, where that is what one looks
/// for; what has no value comes last.
const ORDERS = {
  state: { value: (p) => severity.get(p.state) ?? 99, whole: (processes) => processes.reduce((worst, p) => Math.min(worst, ORDERS.state.value(p)), 99), rising: true },
  uptime: { value: (p) => (p.born === null ? -Infinity : -p.born), whole: (processes) => processes.reduce((max, p) => Math.max(max, ORDERS.uptime.value(p)), -Infinity) },
  restarts: { value: (p) => p.restarts, whole: sumOf("restarts") },
  cpu: { value: (p) => p.cpu ?? -1, whole: sumOf("cpu") },
  rss: { value: (p) => p.rss ?? -1, whole: sumOf("rss") },
};

function sumOf(key) {
  return (processes) => processes.reduce((sum, process) => sum + (process[key] ?? 0), 0);
}

/// Orders that move with every measurement are not followed at once: rows that jump cannot be read.
export const isVolatile = (sort) => sort === "cpu" || sort === "rss";

function order(groups, { sort, backwards }) {
  const sign = backwards ? -1 : 1;
  if (sort === "name") {
    groups.sort((a, b) => sign * compareNames(a.program.name, b.program.name));
    if (backwards) for (const group of groups) group.processes = [...group.processes].reverse();
    return;
  }
  const by = ORDERS[sort];
  if (!by) return;
  const direction = by.rising ? sign : -sign;
  for (const group of groups) {
    group.rank = by.whole(group.processes);
    group.processes = [...group.processes].sort((a, b) => direction * compare(by.value(a), by.value(b)));
  }
  groups.sort((a, b) => direction * compare(a.rank, b.rank));
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
