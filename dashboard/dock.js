// The log of one instance at the lower edge of the page, with what is known of the instance above it.

import { byId, partsOf, setAttribute, setState, setText } from "./dom.js";
import { bytes, count, duration, number, percent, why } from "./format.js";
import { command } from "./clipboard.js";
import { BlackBox } from "./black_box.js";
import { LogStream } from "./log_stream.js";
import { Lines } from "./lines.js";
import { Search } from "./search.js";

const STREAMS = ["stdout", "stderr"];

export class Dock {
  #page;
  #node = byId("dock");
  #part = partsOf(this.#node);
  #lines = new Lines(this.#part.log, () => this.#told());
  #search = new Search(this.#part.log);
  #exits = new BlackBox(this.#part["exits-button"]);
  #stream = null;
  #searching = null;
  #which = "stdout";
  process = null;

  constructor(page) {
    this.#page = page;
    const part = this.#part;
    part.close.addEventListener("click", () => page.close());
    part.copy.addEventListener("click", () => page.copyRestart(this.process.name));
    part.follow.addEventListener("click", () => this.toggleFollow());
    part.newest.addEventListener("click", () => this.#lines.follow(true));
    part.wrap.addEventListener("click", () => this.#wrap(part.wrap.getAttribute("aria-pressed") !== "true"));
    part.search.addEventListener("input", () => this.#find());
    part.search.addEventListener("keydown", (event) => this.#searchKey(event));
    for (const button of this.#buttons()) button.addEventListener("click", () => this.#choose(button.dataset.stream));
  }

  get isOpen() {
    return this.process !== null;
  }

  /// Pixels of the window that it covers.
  get height() {
    return this.isOpen ? this.#node.offsetHeight : 0;
  }

  open(process) {
    if (this.process !== process) {
      this.process = process;
      this.#lines.isFollowing = true;
      this.#connect();
      this.#exits.set(process);
    }
    this.#node.hidden = false;
    document.body.classList.add("docked");
    this.update();
  }

  close() {
    this.#stream?.close();
    this.#stream = null;
    this.process = null;
    this.#lines.clear();
    this.#exits.set(null);
    this.#node.hidden = true;
    document.body.classList.remove("docked");
  }

  /// The head, from what is known now.
  update() {
    if (!this.process) return;
    const part = this.#part;
    const process = this.#page.model.processes.get(this.process.name);
    if (!process) {
      setText(part.facts, "no longer configured");
      setText(part.why, "");
      return;
    }
    this.process = process; // one that came back is another object
    const heading = part.name.parentElement;
    setState(heading, process.state);
    setText(part.name, process.name);
    const now = this.#page.now();
    const facts = [
      process.state,
      process.pid === null ? "" : `pid ${process.pid}`,
      process.born === null ? "" : `up ${duration((now - process.born) / 1000)}`,
      count(process.restarts, "restart"),
      process.cpu === null ? "" : percent(process.cpu),
      process.rss === null ? "" : bytes(process.rss),
    ];
    setText(part.facts, facts.filter(Boolean).join(" · "));
    setText(part.why, why(process, now));
    setText(part.copy.querySelector("code"), command("restart", process.name));
    this.#exits.update(process);
  }

  toggleFollow() {
    if (this.isOpen) this.#lines.follow(!this.#lines.isFollowing);
  }

  toggleStream() {
    if (this.isOpen) this.#choose(STREAMS.find((stream) => stream !== this.#which));
  }

  toggleExits() {
    if (this.isOpen) this.#exits.toggle();
  }

  /// The connection is back.
  retry() {
    this.#exits.retry();
  }

  focus() {
    this.#part.log.focus({ preventScroll: true });
  }

  #buttons() {
    return this.#node.querySelectorAll("[data-stream]");
  }

  #choose(stream) {
    if (stream === this.#which) return;
    this.#which = stream;
    for (const button of this.#buttons()) setAttribute(button, "aria-pressed", String(button.dataset.stream === stream));
    this.#lines.isFollowing = true;
    this.#connect();
  }

  #connect() {
    this.#stream?.close();
    this.#lines.clear();
    setText(this.#part["stream-state"], "Connecting …");
    this.#stream = new LogStream(this.process, this.#which, {
      opened: () => this.#lines.renew(),
      lines: (lines) => this.#lines.append(lines),
      state: (words) => setText(this.#part["stream-state"], words),
    });
  }

  #wrap(isWrapping) {
    setAttribute(this.#part.wrap, "aria-pressed", String(isWrapping));
    this.#part.log.classList.toggle("unwrapped", !isWrapping);
  }

  #told() {
    const { isFollowing, waiting, skipped } = this.#lines;
    const part = this.#part;
    setAttribute(part.follow, "aria-pressed", String(isFollowing));
    setText(part.follow, isFollowing ? "Follow" : "Paused");
    part.newest.hidden = isFollowing;
    const more = skipped ? ` (${number(skipped)} skipped)` : "";
    setText(part.newest, waiting ? `${count(waiting, "new line")}${more} ↓` : "Follow ↓");
    this.#refind();
  }

  #find() {
    this.#hits(this.#search.set(this.#part.search.value));
  }

  /// New lines are looked through a few times a second at most.
  #refind() {
    if (!this.#part.search.value) return;
    this.#searching ??= setTimeout(() => {
      this.#searching = null;
      this.#hits(this.#search.refresh());
    }, 250);
  }

  #hits(lines, at = 0) {
    setText(this.#part.hits, lines === null ? "" : at ? `${number(at)} of ${count(lines, "line")}` : count(lines, "line"));
  }

  #searchKey(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.#lines.follow(false);
    const at = this.#search.go(event.shiftKey ? 1 : -1);
    this.#hits(this.#part.log.querySelectorAll(".hit").length, at);
  }
}
