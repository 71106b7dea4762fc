// The dashboard: documents come in from the source, the model takes them, and what changed is shown
// before the next paint. It only reads; what would change something is copied as a command.

import { Connection } from "./connection.js";
import { Dock } from "./dock.js";
import { Model } from "./model.js";
import { INTERVAL_MS } from "./history.js";
import { List } from "./list.js";
import { Source } from "./source.js";
import { Summary } from "./summary.js";
import { Choice, arrange, isVolatile } from "./layout.js";
import { beforePaint, byId, partsOf, setAttribute, setText } from "./dom.js";
import { cellsHeight, cellsView, forgetColours, hideTip } from "./grid.js";
import { command, copy, setConfig, toast } from "./clipboard.js";
import { number } from "./format.js";
import { processView, programView } from "./rows.js";
import { listen } from "./keys.js";

/// Pixels: heights of rows, as style.css and list.css have them.
const ROW = 36;
const PROGRAM_ROW = 44;
const CARD = 60; // a row of a narrow list has two lines
const NARROW = 900;
/// Rows that change places with every measurement do so this often (milliseconds).
const RESORT = 2000;

class Page {
  model = new Model();
  choice = new Choice();
  #frozen = null; // the moment at which the connection was lost
  #changed = new Set();
  #isRearranged = false;
  #sortedAt = 0;
  #show = beforePaint(() => this.#render());

  constructor() {
    const rowHeight = (wide) => (_, width) => (width < NARROW ? CARD : wide);
    this.list = new List(byId("rows"), {
      program: { height: rowHeight(PROGRAM_ROW), create: () => programView(this) },
      process: { height: rowHeight(ROW), create: () => processView(this) },
      cells: { height: cellsHeight, create: () => cellsView(this) },
    });
    this.summary = new Summary(this);
    this.dock = new Dock(this);
  }

  /// The page's clock, which stands still while nobody knows what is true.
  now() {
    return this.#frozen ?? performance.now();
  }

  width() {
    return byId("rows").clientWidth;
  }

  // ---- what the source brings ----

  status(status) {
    const before = this.model.supervisor?.pid;
    this.#frozen = null;
    setConfig(status.taskmaster.config);
    this.#take(this.model.applyStatus(status, performance.now()));
    this.dock.retry();
    if (before !== undefined && before !== status.taskmaster.pid) {
      toast("The supervisor was restarted.");
      this.#isRearranged = true;
    }
  }

  change(change) {
    this.#take(this.model.applyChange(change, performance.now()));
  }

  lost() {
    this.#frozen ??= performance.now();
  }

  #take({ structure, changed }) {
    for (const process of changed) this.#changed.add(process);
    if (structure) this.#isRearranged = true;
    this.#show();
  }

  // ---- what is shown ----

  /// Rows are arranged anew when some came or went, and when what they are picked or sorted by changed.
  #isDue() {
    if (this.#isRearranged) return true;
    if (!this.#changed.size || (!this.choice.isFiltering && !this.choice.sort)) return false;
    return !isVolatile(this.choice.sort) || performance.now() - this.#sortedAt > RESORT;
  }

  #render() {
    if (!this.model.supervisor) return;
    const isFirst = byId("programs").hidden && byId("empty").hidden;
    if (isFirst) this.model.sample();
    if (this.#isDue() || isFirst) this.#arrange();
    else this.list.touch(this.#changed);
    this.#changed.clear();
    this.summary.update();
    if (isFirst) this.summary.sample();
    this.dock.update();
  }

  #arrange() {
    this.#isRearranged = false;
    this.#sortedAt = performance.now();
    const { items, shown } = arrange(this.model, this.choice);
    const isEmpty = this.model.programs.length === 0;
    const all = this.model.processes.size;
    byId("empty").hidden = !isEmpty;
    byId("tools").hidden = isEmpty;
    byId("nothing").hidden = isEmpty || items.length > 0;
    byId("programs").hidden = isEmpty || items.length === 0;
    byId("cells-choice").hidden = !items.some(({ kind }) => kind === "cells");
    setText(byId("shown"), this.choice.isFiltering ? `${number(shown)} of ${number(all)} shown` : "");
    setAttribute(byId("programs"), "aria-rowcount", String(items.length + 1));
    this.list.set(items);
    for (const head of document.querySelectorAll("[data-sort]")) {
      const isBy = head.dataset.sort === this.choice.sort;
      setAttribute(head, "aria-sort", !isBy ? "none" : this.#isRising() ? "ascending" : "descending");
    }
    byId("sort").value = this.choice.sort;
  }

  #isRising() {
    const rises = this.choice.sort === "name" || this.choice.sort === "state";
    return rises !== this.choice.backwards;
  }

  #rearrange() {
    this.#isRearranged = true;
    this.#show();
  }

  tick() {
    if (this.#frozen !== null) return;
    this.summary.tick();
    this.list.each("tick");
    this.dock.update();
  }

  sample() {
    if (this.#frozen !== null || !this.model.supervisor) return;
    this.model.sample();
    this.summary.sample();
    this.list.each("sample");
  }

  repaint() {
    forgetColours();
    this.list.each("repaint");
  }

  // ---- what the reader does ----

  filter(text) {
    this.choice.text = text.trim();
    this.#rearrange();
  }

  toggleState(state) {
    if (!this.choice.states.delete(state)) this.choice.states.add(state);
    this.#rearrange();
  }

  isOnly(state) {
    return this.choice.states.size === 1 && this.choice.states.has(state);
  }

  /// Only this state, or everything again.
  showOnly(state) {
    this.choice.states = new Set(this.isOnly(state) ? [] : [state]);
    this.#rearrange();
  }

  clearFilter() {
    byId("filter").value = "";
    this.choice.text = "";
    this.choice.states.clear();
    this.#rearrange();
  }

  sortBy(sort) {
    this.choice.backwards = sort !== "" && sort === this.choice.sort && !this.choice.backwards;
    this.choice.sort = sort;
    this.#rearrange();
  }

  nextSort() {
    const options = [...byId("sort").options].map(({ value }) => value);
    this.choice.backwards = false;
    this.choice.sort = options[(options.indexOf(this.choice.sort) + 1) % options.length];
    toast(`Sorted: ${byId("sort").options[options.indexOf(this.choice.sort)].text}`);
    this.#rearrange();
  }

  cellsShow(what) {
    this.choice.cellsShow = what;
    this.list.each("repaint");
  }

  toggleFold({ program, view }) {
    if (view === "folded") this.choice.views.delete(program.name);
    else this.choice.views.set(program.name, "folded");
    this.#rearrange();
  }

  toggleCells({ program, view }) {
    if (view === "folded") return;
    this.choice.views.set(program.name, view === "cells" ? "rows" : "cells");
    this.#rearrange();
  }

  copyRestart(target) {
    copy(command("restart", target));
  }

  open(process) {
    hideTip();
    this.dock.open(process);
    this.#activate(`i${process.slot}`);
  }

  close() {
    this.dock.close();
    byId("programs").focus({ preventScroll: true });
  }

  // ---- the keyboard's place in the list ----

  #activeItem() {
    return this.list.items[this.list.position(this.list.active)];
  }

  #activate(key, from, to) {
    // Whoever reads the page aloud follows the focus.
    if (document.activeElement === document.body) byId("programs").focus({ preventScroll: true });
    const left = this.list.active;
    if (left !== key) this.list.viewOf(left)?.leave?.();
    const clear = { top: byId("programs").querySelector(".head").offsetHeight + 8, bottom: this.dock.height + 12 };
    if (this.list.position(key) !== undefined) this.list.activate(key, clear, from, to);
    if (this.list.viewOf(key)) setAttribute(byId("programs"), "aria-activedescendant", `row-${key}`);
  }

  step(by) {
    const view = this.list.viewOf(this.list.active);
    if (view?.move && Math.abs(by) === 1 && view.current()) {
      const place = view.move(0, by);
      if (place) return this.#atCell(place);
    }
    const { items, active } = this.list;
    if (!items.length) return;
    const at = this.list.position(active);
    const next = at === undefined ? entrance(by, items.length) : Math.min(items.length - 1, Math.max(0, at + by));
    this.#activate(items[next].key);
    if (items[next].kind === "cells" && next !== at) this.#enterCells(items[next], next < (at ?? 0));
    else if (this.dock.isOpen && items[next].kind === "process") this.dock.open(items[next].process);
  }

  #enterCells(item, isFromBelow) {
    const place = this.list.viewOf(item.key)?.enter(isFromBelow);
    if (place) this.#atCell(place);
  }

  #atCell({ process, top, bottom }) {
    this.#activate(this.list.active, top, bottom);
    this.list.each("tick"); // the tip moves along
    if (this.dock.isOpen) this.dock.open(process);
  }

  sideways(by) {
    const item = this.#activeItem();
    if (!item) return this.step(by);
    if (item.kind === "cells") {
      const place = this.list.viewOf(item.key)?.move(by, 0);
      if (place) this.#atCell(place);
    } else if (item.kind === "program" && (item.view === "folded") === (by > 0)) this.toggleFold(item);
    else if (item.kind === "process" && by < 0 && item.level === 2) this.#activate(`p${item.process.program.slot}`);
    else if (item.kind === "program" && by > 0) this.step(1);
  }

  /// The instance that the keyboard is at, on a row or in a cell.
  #activeProcess() {
    const item = this.#activeItem();
    return item?.process ?? (item?.kind === "cells" ? this.list.viewOf(item.key)?.current() : null) ?? null;
  }

  openActive() {
    const process = this.#activeProcess();
    const item = this.#activeItem();
    if (process) this.dock.open(process);
    else if (item?.kind === "program") this.toggleFold(item);
  }

  copyActive() {
    const item = this.#activeItem();
    const target = this.#activeProcess()?.name ?? item?.program?.name ?? this.dock.process?.name;
    if (target) this.copyRestart(target);
  }

  toggleCellsActive() {
    const item = this.#activeItem();
    const program = item?.program ?? item?.process?.program;
    const head = program && this.list.items[this.list.position(`p${program.slot}`)];
    if (!head) return;
    this.toggleCells(head);
    this.#activate(head.key);
  }
}

/// Where the keyboard enters a list of `length` items that it is not in yet.
function entrance(by, length) {
  const isAtEnd = by === Infinity || (by < 0 && by !== -Infinity);
  return isAtEnd ? length - 1 : 0;
}

const page = new Page();
const source = new Source({
  status: (status) => page.status(status),
  change: (change) => page.change(change),
  heard: () => connection.heard(),
  connected: (how) => connection.connected(how),
  lost: (retryAt) => {
    page.lost();
    connection.lost(retryAt);
  },
});
const connection = new Connection(() => source.retry());
source.retry();

setInterval(() => {
  connection.tick();
  page.tick();
}, 1000);
setInterval(() => page.sample(), INTERVAL_MS);

listen(page);
document.addEventListener("themechange", () => page.repaint());
byId("filter").addEventListener("input", ({ target }) => page.filter(target.value));
byId("sort").addEventListener("change", ({ target }) => page.sortBy(target.value));
byId("cells-show").addEventListener("change", ({ target }) => page.cellsShow(target.value));
byId("help-button").addEventListener("click", () => byId("help").showModal());
partsOf(byId("nothing")).clear.addEventListener("click", () => page.clearFilter());
for (const head of document.querySelectorAll("[data-sort] button")) {
  head.addEventListener("click", () => page.sortBy(head.parentElement.dataset.sort));
}
