// Rows of the list: a program's heading, and an instance.

import { clone, partsOf, setAttribute, setState, setText } from "./dom.js";
import { count, duration, percent, bytes, number, why } from "./format.js";
import { CPU_FLOOR, RSS_FLOOR, draw } from "./spark.js";
import { STATES } from "./states.js";
import { CELLS_MIN } from "./layout.js";
import { command } from "./clipboard.js";

/// What a process has not is left blank.
const orBlank = (value, format) => (value === null ? "" : format(value));

/// `page` has the model, the clock and what to do when something is clicked.
export function processView(page) {
  const node = clone("process-row");
  const part = partsOf(node);
  let process = null;

  function tick() {
    const now = page.now();
    setText(part.uptime, orBlank(process.born, (born) => duration((now - born) / 1000)));
    const words = why(process, now);
    setText(part.why, words);
    if (part.why.title !== words) part.why.title = words;
  }
  function sample() {
    draw(part["cpu-line"], page.model.cpu, process.slot, CPU_FLOOR);
    draw(part["rss-line"], page.model.rss, process.slot, RSS_FLOOR);
  }
  function update() {
    setState(part.state, process.state);
    setText(part.pid, orBlank(process.pid, String));
    setText(part.restarts, number(process.restarts));
    part.restarts.classList.toggle("zero", process.restarts === 0);
    setText(part.cpu, orBlank(process.cpu, percent));
    setText(part.rss, orBlank(process.rss, bytes));
    node.classList.toggle("alive", process.pid !== null);
    node.classList.toggle("bad", process.state === "FATAL");
    tick();
  }
  function show(item) {
    setAttribute(node, "aria-level", String(item.level));
    if (process !== item.process) {
      process = item.process;
      const colon = process.name.lastIndexOf(":");
      setText(part.name, process.name.slice(0, colon));
      setText(part.number, process.name.slice(colon));
      part.title.title = process.name;
      part.title.ariaLabel = process.name;
      const words = command("restart", process.name);
      setAttribute(part.copy, "aria-label", `Copy: ${words}`);
      part.copy.title = `Copy: ${words} (c)`;
      sample();
    }
    update();
  }
  part.copy.addEventListener("click", (event) => {
    event.stopPropagation();
    page.copyRestart(process.name);
  });
  node.addEventListener("click", () => {
    if (getSelection().isCollapsed) page.open(process);
  });
  return { node, show, tick, sample, touch: (changed) => changed.has(process) && update() };
}

export function programView(page) {
  const node = clone("program-row");
  const part = partsOf(node);
  const shares = new Map();
  let item = null;

  function bar(states, all) {
    for (const state of STATES) {
      const some = states.get(state) ?? 0;
      let share = shares.get(state);
      if (!share) {
        share = document.createElement("i");
        share.dataset.state = state;
        shares.set(state, share);
        part.bar.append(share);
      }
      share.hidden = some === 0;
      share.style.flexGrow = String(some / all);
    }
  }
  function sample() {
    draw(part["cpu-line"], page.model.cpu, item.program.slot, CPU_FLOOR);
    draw(part["rss-line"], page.model.rss, item.program.slot, RSS_FLOOR);
  }
  function update() {
    const program = page.model.sum(item.program);
    const all = program.processes.length;
    setText(part.mix, mix(program.states, all, item.shown));
    setText(part.restarts, all ? number(program.restarts) : "");
    part.restarts.classList.toggle("zero", program.restarts === 0);
    setText(part.cpu, orBlank(program.cpu, percent));
    setText(part.rss, orBlank(program.rss, bytes));
    node.classList.toggle("bad", program.states.has("FATAL"));
    if (all) bar(program.states, all);
    part.bar.hidden = all === 0;
  }
  function show(next) {
    const isOther = item?.program !== next.program;
    item = next;
    const isOpen = item.view !== "folded";
    setAttribute(node, "aria-expanded", String(isOpen));
    part.fold.hidden = item.program.processes.length === 0;
    part.view.hidden = !isOpen || item.program.processes.length < CELLS_MIN;
    setAttribute(part.view.querySelector("use"), "href", item.view === "cells" ? "#log" : "#cells");
    if (isOther) {
      setText(part.name, item.program.name);
      const words = command("restart", item.program.name);
      setAttribute(part.copy, "aria-label", `Copy: ${words}`);
      part.copy.title = `Copy: ${words} (c)`;
      sample();
    }
    update();
  }
  part.copy.addEventListener("click", (event) => {
    event.stopPropagation();
    page.copyRestart(item.program.name);
  });
  part.view.addEventListener("click", (event) => {
    event.stopPropagation();
    page.toggleCells(item);
  });
  node.addEventListener("click", () => {
    if (getSelection().isCollapsed) page.toggleFold(item);
  });
  const touch = (changed) => {
    for (const process of item.program.processes) {
      if (changed.has(process)) return update();
    }
  };
  return { node, show, sample, touch };
}

/// `3 of 5 running`, and what else there is.
function mix(states, all, shown) {
  if (all === 0) return "no instances";
  const running = states.get("RUNNING") ?? 0;
  const words = [running === all ? `all ${number(all)} running` : `${number(running)} of ${number(all)} running`];
  const fatal = states.get("FATAL");
  if (fatal) words.push(`${number(fatal)} FATAL`);
  if (shown < all) words.push(`${number(shown)} shown`);
  return words.join(" · ");
}

/// What a reader of a whole program is told.
export function inWords(program) {
  const parts = STATES.filter((state) => program.states.get(state));
  return `${count(program.processes.length, "instance")}: ${parts.map((state) => `${program.states.get(state)} ${state}`).join(", ")}`;
}
