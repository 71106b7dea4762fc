// The list on the page: thousands of items, of which only those near the window are nodes. The page
// itself scrolls; every item has a known height, so its place is arithmetic.

import { beforePaint } from "./dom.js";

/// Pixels above and below the window that are ready before they are seen.
const MARGIN = 400;

export class List {
  #root;
  #kinds; // kind -> { height(item, width), create() -> { node, show(item), touch?(changed), tick?(), sample?(), scrolled?(), repaint?() } }
  #items = [];
  #tops = [0];
  #index = new Map(); // key -> position
  #live = new Map(); // key -> view
  #spare = new Map(); // kind -> views that wait for another item
  #width = 0;
  #schedule = beforePaint(() => this.#render());
  active = null; // key of the item that the keyboard is at

  constructor(root, kinds) {
    this.#root = root;
    this.#kinds = kinds;
    addEventListener("scroll", this.#schedule, { passive: true });
    addEventListener("scroll", () => this.each("scrolled"), { passive: true });
    addEventListener("resize", this.#schedule, { passive: true });
    new ResizeObserver(() => {
      if (root.clientWidth === this.#width) return;
      this.#measure();
      this.#schedule();
    }).observe(root);
  }

  get items() {
    return this.#items;
  }

  set(items) {
    this.#items = items;
    this.#index = new Map(items.map((item, at) => [item.key, at]));
    this.#measure();
    for (const [key, view] of this.#live) {
      const at = this.#index.get(key);
      if (at === undefined) this.#retire(key, view);
      else view.show(items[at]);
    }
    this.#schedule();
  }

  /// Tells the views near the window what changed.
  touch(changed) {
    for (const view of this.#live.values()) view.touch?.(changed);
  }

  /// Calls `name` on every view that has it: `tick`, `sample`, `repaint`.
  each(name) {
    for (const view of this.#live.values()) view[name]?.();
  }

  position(key) {
    return this.#index.get(key);
  }

  viewOf(key) {
    return this.#live.get(key);
  }

  /// Moves the keyboard's mark, and scrolls to it; `clear` are pixels of the window's top and bottom that
  /// other things cover. `from` and `to` narrow the item down to a part of it.
  activate(key, clear, from = 0, to = null) {
    this.active = key;
    const at = this.#index.get(key);
    if (at === undefined) return;
    const start = this.#root.getBoundingClientRect().top + scrollY;
    const top = start + this.#tops[at] + from;
    const bottom = to === null ? start + this.#tops[at + 1] : start + this.#tops[at] + to;
    if (top < scrollY + clear.top) scrollTo({ top: top - clear.top });
    else if (bottom > scrollY + innerHeight - clear.bottom) scrollTo({ top: bottom - innerHeight + clear.bottom });
    this.#render();
  }

  #measure() {
    this.#width = this.#root.clientWidth;
    const tops = new Array(this.#items.length + 1);
    let top = 0;
    this.#items.forEach((item, at) => {
      tops[at] = top;
      top += this.#kinds[item.kind].height(item, this.#width);
    });
    tops[this.#items.length] = top;
    this.#tops = tops;
    this.#root.style.height = `${top}px`;
  }

  /// The first item that ends below `y`.
  #at(y) {
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle + 1] > y) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #render() {
    const top = -this.#root.getBoundingClientRect().top;
    const first = this.#at(top - MARGIN);
    const beyond = top + innerHeight + MARGIN;
    let last = first;
    while (last < this.#items.length && this.#tops[last] < beyond) last += 1;
    for (const [key, view] of this.#live) {
      const at = this.#index.get(key);
      if (at === undefined || at < first || at >= last) this.#retire(key, view);
    }
    let next = this.#root.firstElementChild;
    for (let at = first; at < last; at += 1) {
      const item = this.#items[at];
      let view = this.#live.get(item.key);
      if (!view) {
        view = this.#spare.get(item.kind)?.pop() ?? this.#kinds[item.kind].create();
        view.node.id = `row-${item.key}`;
        view.kind = item.kind;
        this.#live.set(item.key, view);
        view.show(item);
      }
      place(view, this.#tops[at], this.#tops[at + 1] - this.#tops[at], at);
      view.node.classList.toggle("active", item.key === this.active);
      // The order of the nodes is that of the rows, for whoever reads them one by one.
      if (view.node === next) next = next.nextElementSibling;
      else this.#root.insertBefore(view.node, next);
    }
  }

  #retire(key, view) {
    this.#live.delete(key);
    view.node.remove();
    const spare = this.#spare.get(view.kind) ?? [];
    if (spare.length < 100) spare.push(view);
    this.#spare.set(view.kind, spare);
  }
}

function place(view, top, height, at) {
  if (view.top !== top) view.node.style.transform = `translateY(${top}px)`;
  if (view.height !== height) view.node.style.height = `${height}px`;
  if (view.at !== at) view.node.setAttribute("aria-rowindex", String(at + 2)); // the head is 1
  Object.assign(view, { top, height, at });
}
