// The lines of a log on the page: bounded, appended once a paint, followed or held still.

import { Painter } from "./ansi.js";
import { beforePaint } from "./dom.js";

/// Lines that are kept; and how many more may gather before the oldest go, all at once.
const LINES_MAX = 5000;
const LINES_SLACK = 500;
/// Characters of a line that are shown; a file may be one line.
const LINE_MAX = 8192;
/// Pixels from the end that still count as being at the end.
const AT_END = 24;
/// Milliseconds for which a turn of the wheel or a key may go on scrolling.
const TOUCH_MS = 1500;

export class Lines {
  #node;
  #told; // told(): something to show has changed
  #painter = new Painter();
  #queue = [];
  #isFresh = false; // the next lines replace what is there
  #top = 0;
  #touchedAt = -Infinity; // when the reader last did something that may scroll
  #isHeld = false; // the scroll bar is
  #flush = beforePaint(() => this.#write());
  isFollowing = true;
  skipped = 0; // lines that came too fast to be kept

  constructor(node, told) {
    this.#node = node;
    this.#told = told;
    node.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    for (const kind of ["wheel", "touchmove", "keydown"]) {
      node.addEventListener(kind, () => (this.#touchedAt = performance.now()), { passive: true });
    }
    node.addEventListener("mousedown", () => (this.#isHeld = true));
    addEventListener("mouseup", () => (this.#isHeld = false));
  }

  get waiting() {
    return this.#queue.length;
  }

  /// Everything is about to be sent anew. What is there stays until it is.
  renew() {
    this.#isFresh = true;
    this.#queue = [];
    this.#flush();
  }

  clear() {
    this.renew();
    this.#write();
  }

  append(lines) {
    for (const line of lines) this.#queue.push(line);
    if (this.#queue.length > LINES_MAX) {
      this.skipped += this.#queue.length - LINES_MAX;
      this.#queue = this.#queue.slice(-LINES_MAX);
    }
    if (this.isFollowing || this.#isFresh) this.#flush();
    else this.#told();
  }

  follow(isFollowing) {
    this.isFollowing = isFollowing;
    if (isFollowing) this.#write();
    this.#told();
  }

  #write() {
    if (!this.isFollowing && !this.#isFresh) return;
    if (this.#isFresh) {
      this.#node.replaceChildren();
      this.#painter.reset();
      this.skipped = 0;
      this.#isFresh = false;
    }
    const lines = document.createDocumentFragment();
    for (const line of this.#queue) {
      const node = document.createElement("div");
      this.#painter.write(node, line.length > LINE_MAX ? `${line.slice(0, LINE_MAX)} … (${line.length - LINE_MAX} more)` : line);
      lines.append(node);
    }
    this.#queue = [];
    this.#node.append(lines);
    this.#trim();
    if (this.isFollowing) this.#toEnd();
    this.#told();
  }

  #trim() {
    const surplus = this.#node.childElementCount - LINES_MAX;
    if (surplus < LINES_SLACK) return;
    const range = document.createRange();
    range.setStart(this.#node, 0);
    range.setEnd(this.#node, surplus);
    range.deleteContents();
  }

  /// Lines get their true height when they are first seen, which moves the end: a few paints follow it.
  #toEnd(paints = 5) {
    this.#node.scrollTop = this.#node.scrollHeight;
    this.#top = this.#node.scrollTop;
    if (paints > 0) requestAnimationFrame(() => this.isFollowing && !this.#isTouched() && this.#toEnd(paints - 1));
  }

  #isTouched() {
    return this.#isHeld || performance.now() - this.#touchedAt < TOUCH_MS;
  }

  /// Scrolling up holds still, scrolling back to the end follows again; if the reader did it, that is.
  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#node;
    const isUp = scrollTop < this.#top - 2;
    this.#top = scrollTop;
    if (!this.#isTouched()) return;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    if (this.isFollowing && isUp && !isAtEnd) this.follow(false);
    else if (!this.isFollowing && isAtEnd && !isUp) this.follow(true);
  }
}
