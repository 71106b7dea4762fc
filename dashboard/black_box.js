// The last exits of the instance that is open: fetched when they are asked for and when something has
// happened to it meanwhile, never by the clock. While they are hidden nothing is fetched or kept.

import { byId, partsOf, setAttribute, setText } from "./dom.js";
import { duration, moment, precise } from "./format.js";
import { reveal } from "./ansi.js";

/// Milliseconds from one request to the next, however often an instance dies.
const GAP_MS = 1000;
const TIMEOUT_MS = 5000;
/// Characters of a line and of a refusal that are shown.
const LINE_MAX = 8192;
const REASON_MAX = 300;

export class BlackBox {
  #node = byId("black-box");
  #part = partsOf(this.#node);
  #button;
  #process = null;
  #known = ""; // what was true of the instance when it was asked for
  #request = null; // an AbortController, while there is one under way
  #timer = null;
  #askedAt = -Infinity;
  #isWanted = false; // once more, after the present request or the gap
  #isFailed = false;
  isOpen = false;

  constructor(button) {
    this.#button = button;
    button.addEventListener("click", () => this.toggle());
    this.#part.hide.addEventListener("click", () => {
      this.toggle();
      button.focus({ preventScroll: true });
    });
  }

  /// Another instance is looked at, or (`null`) none.
  set(process) {
    this.#process = process;
    this.#forget();
    this.#known = "";
    this.update(process);
  }

  toggle() {
    if (!this.#process) return;
    this.isOpen = !this.isOpen;
    this.#node.hidden = !this.isOpen;
    setAttribute(this.#button, "aria-expanded", String(this.isOpen));
    this.#forget();
    this.#known = "";
    this.update(this.#process);
  }

  /// What is known of the instance may have changed.
  update(process) {
    if (!this.isOpen || !process) return;
    this.#process = process;
    const known = `${process.state} ${process.pid} ${process.restarts}`;
    if (known === this.#known) return;
    this.#known = known;
    this.#want();
  }

  /// There is a connection again: what could not be had is asked for anew.
  retry() {
    if (this.isOpen && this.#process && this.#isFailed) this.#want();
  }

  #want() {
    this.#isWanted = true;
    if (this.#request || this.#timer !== null) return;
    const wait = this.#askedAt + GAP_MS - performance.now();
    if (wait <= 0) return void this.#ask();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#ask();
    }, wait);
  }

  async #ask() {
    this.#isWanted = false;
    this.#askedAt = performance.now();
    const request = new AbortController();
    this.#request = request;
    const tooLong = setTimeout(() => request.abort(), TIMEOUT_MS);
    const [program, number] = [encodeURIComponent(this.#process.program.name), this.#process.number];
    const answer = await fetchExits(`api/programs/${program}/why/${number}`, request.signal);
    clearTimeout(tooLong);
    if (this.#request !== request) return; // nobody waits for it any more
    this.#request = null;
    this.#isFailed = answer.trouble !== undefined;
    if (this.#isFailed) setText(this.#part.state, answer.trouble);
    else this.#show(answer.exits);
    if (this.#isWanted) this.#want();
  }

  #forget() {
    this.#request?.abort();
    this.#request = null;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#askedAt = -Infinity;
    this.#isWanted = this.#isFailed = false;
    this.#part.exits.replaceChildren();
    setText(this.#part.state, this.isOpen && this.#process ? "Asking …" : "");
  }

  #show(exits) {
    setText(this.#part.state, exits.length ? "" : "It has not ended yet.");
    this.#part.exits.replaceChildren(...exits.map(exitView));
  }
}

/// The exits, or in words why there are none to show.
async function fetchExits(url, signal) {
  try {
    const answer = await fetch(url, { cache: "no-store", signal });
    if (answer.ok) return { exits: (await answer.json()).exits };
    return { trouble: (await answer.text()).trim().slice(0, REASON_MAX) || `Refused (${answer.status}).` };
  } catch {
    return { trouble: "The supervisor does not answer." };
  }
}

function exitView({ time, cause, during, lived, pid, last_lines: lines }) {
  const node = document.createElement("li");
  const then = new Date(time * 1000);
  node.append(
    text("h4", cause),
    facts([timeView(then), `pid ${pid}`, `after ${lived < 10 ? precise(lived) : duration(lived)} while ${during}`]),
  );
  if (!lines.length) return node;
  node.append(text("p", lines.length === 1 ? "Its last line on stderr:" : `Its last ${lines.length} lines on stderr:`));
  const words = node.appendChild(document.createElement("div"));
  words.className = "words";
  for (const line of lines) words.append(text("div", line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)} …` : line));
  return node;
}

function text(tag, words) {
  const node = document.createElement(tag);
  node.textContent = reveal(words);
  return node;
}

function facts(parts) {
  const node = document.createElement("p");
  node.className = "facts";
  node.append(...parts.flatMap((part, at) => (at ? [" · ", part] : [part])));
  return node;
}

function timeView(then) {
  const node = document.createElement("time");
  node.dateTime = node.title = then.toISOString();
  node.textContent = moment(then, new Date());
  return node;
}
