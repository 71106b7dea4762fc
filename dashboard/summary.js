// The totals above the list, and the notice of what has given up.

import { byId, clone, partsOf, setAttribute, setState, setText } from "./dom.js";
import { bytes, count, duration, number, percent, why } from "./format.js";
import { CPU_FLOOR, RSS_FLOOR, draw } from "./spark.js";
import { STATES } from "./states.js";
import { command } from "./clipboard.js";

/// So many FATAL instances are named; of more there is the number.
const NAMED_MAX = 3;

export class Summary {
  #page;
  #counts = new Map();
  #usage = partsOf(byId("usage"));
  #fatal = partsOf(byId("fatal"));
  #empty = partsOf(byId("empty"));

  constructor(page) {
    this.#page = page;
    for (const state of STATES) this.#counts.set(state, this.#count(state));
    this.#fatal.show.addEventListener("click", () => page.showOnly("FATAL"));
    this.#fatal.copy.addEventListener("click", () => page.copyRestart("@FATAL"));
    setText(this.#fatal.copy.querySelector("code"), command("restart", "@FATAL"));
  }

  #count(state) {
    const node = clone("count-template");
    const button = node.firstElementChild;
    setState(button, state);
    button.addEventListener("click", () => this.#page.toggleState(state));
    byId("counts").append(node);
    return { button, number: button.querySelector("b") };
  }

  /// Everything but the clock.
  update() {
    const { model, choice } = this.#page;
    for (const [state, { button, number: node }] of this.#counts) {
      const amount = model.counts.get(state) ?? 0;
      setText(node, number(amount));
      button.classList.toggle("zero", amount === 0);
      setAttribute(button, "aria-pressed", String(choice.states.has(state)));
    }
    byId("counts").classList.toggle("picked", choice.states.size > 0);
    const { cpu, rss } = model.sumAll();
    setText(this.#usage.cpu, cpu === null ? "–" : percent(cpu));
    setText(this.#usage.rss, rss === null ? "–" : bytes(rss));
    setText(this.#empty.config, model.supervisor.config);
    this.#notice();
    this.tick();
  }

  sample() {
    const { model } = this.#page;
    draw(this.#usage["cpu-line"], model.cpu, 0, CPU_FLOOR);
    draw(this.#usage["rss-line"], model.rss, 0, RSS_FLOOR);
  }

  tick() {
    const { model } = this.#page;
    if (!model.supervisor) return;
    const { config, version, pid } = model.supervisor;
    const up = duration((this.#page.now() - model.born) / 1000);
    setText(byId("about"), `${config} · version ${version} · pid ${pid} · up ${up}`);
  }

  #notice() {
    const { model } = this.#page;
    const amount = model.counts.get("FATAL") ?? 0;
    byId("fatal").hidden = amount === 0;
    document.title = amount ? `(${number(amount)} FATAL) Taskmaster` : "Taskmaster";
    if (!amount) return;
    setText(this.#fatal.show, this.#page.isOnly("FATAL") ? "Show all" : "Show");
    const named = [];
    for (const program of model.programs) {
      if (named.length > NAMED_MAX) break;
      if (!model.sum(program).states.has("FATAL")) continue;
      for (const process of program.processes) if (process.state === "FATAL") named.push(process);
    }
    setText(this.#fatal.headline, `FATAL: ${count(amount, "instance")} gave up.`);
    const names = named.slice(0, NAMED_MAX).map((process) => process.name);
    const reason = amount === 1 && named[0] ? `: ${why(named[0], this.#page.now())}` : "";
    setText(this.#fatal.names, `${names.join(", ")}${amount > NAMED_MAX ? ` and ${number(amount - NAMED_MAX)} more` : ""}${reason}`);
  }
}
