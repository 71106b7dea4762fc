// A program with hundreds of instances as cells on a canvas: colour and shape for the state, or the
// strength of one colour for CPU or memory.

import { byId, clone, partsOf, setText } from "./dom.js";
import { bytes, duration, percent, why } from "./format.js";
import { inWords } from "./rows.js";
import { STATES } from "./states.js";

/// Pixels: size of a cell and the gap after it. Thousands are drawn smaller.
const LARGE = { size: 14, gap: 3 };
const SMALL = { size: 11, gap: 2 };
const SMALL_FROM = 1000;
/// Padding of the row around its cells; the left one aligns them with the names.
const PAD = { left: 38, right: 16, top: 4, bottom: 14 };
const PAD_NARROW = { left: 14, right: 14, top: 4, bottom: 12 };
const NARROW = 700;

/// Where the cells of `count` instances are in a row of this width.
function geometry(count, width) {
  const { size, gap } = count >= SMALL_FROM ? SMALL : LARGE;
  const pad = width < NARROW ? PAD_NARROW : PAD;
  const pitch = size + gap;
  const columns = Math.max(1, Math.floor((width - pad.left - pad.right + gap) / pitch));
  const lines = Math.ceil(count / columns);
  return { size, pitch, pad, columns, lines, width: columns * pitch, height: lines * pitch };
}

export function cellsHeight({ processes }, width) {
  const { pad, height } = geometry(processes.length, width);
  return pad.top + height + pad.bottom;
}

// ---- how one cell looks ----

const sprites = new Map(); // state, size -> canvas
let inks = null; // colours of this theme

export function forgetColours() {
  sprites.clear();
  inks = null;
}

function colours() {
  if (inks) return inks;
  const probe = document.createElement("i");
  document.body.append(probe);
  const resolve = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  inks = new Map(STATES.map((state) => [state, resolve(state.toLowerCase())]));
  inks.set("calm", resolve("calm")).set("heat", resolve("heat")).set("faint", resolve("faint")).set("text", resolve("text"));
  probe.remove();
  return inks;
}

function sprite(state, size, scale) {
  const key = `${state} ${size} ${scale}`;
  if (sprites.has(key)) return sprites.get(key);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.ceil(size * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  paint(pen, state, size);
  sprites.set(key, canvas);
  return canvas;
}

/// The shapes of index.html, in a cell: what runs is a calm square, everything else stands out.
function paint(pen, state, size) {
  const ink = colours().get(state);
  pen.lineWidth = 1.6;
  pen.strokeStyle = pen.fillStyle = ink;
  const box = (inset) => {
    pen.beginPath();
    pen.roundRect(inset, inset, size - 2 * inset, size - 2 * inset, size / 5);
  };
  const middle = size / 2;
  if (state === "RUNNING" || state === "heat") {
    pen.fillStyle = colours().get(state === "heat" ? "heat" : "calm");
    box(0);
    pen.fill();
  } else if (state === "FATAL") {
    box(0);
    pen.fill();
    pen.strokeStyle = colours().get("faint");
    pen.lineWidth = size / 7;
    const [near, far] = [size * 0.28, size * 0.72];
    pen.beginPath();
    pen.moveTo(near, near);
    pen.lineTo(far, far);
    pen.moveTo(far, near);
    pen.lineTo(near, far);
    pen.stroke();
  } else if (state === "BACKOFF") {
    pen.beginPath();
    for (const [x, y] of [[0.1, 0.06], [0.9, 0.06], [0.6, 0.5], [0.9, 0.94], [0.1, 0.94], [0.4, 0.5]]) pen.lineTo(x * size, y * size);
    pen.closePath();
    pen.fill();
  } else if (state === "STARTING" || state === "EXITED") {
    pen.beginPath();
    pen.arc(middle, middle, middle - 1.2, 0, 2 * Math.PI);
    pen.stroke();
    if (state === "STARTING") {
      pen.beginPath();
      pen.arc(middle, middle, middle - 1, -Math.PI / 2, Math.PI / 2);
      pen.fill();
    }
  } else {
    box(1);
    pen.stroke();
    if (state === "STOPPING") pen.fillRect(1, middle, size - 2, middle - 1);
    else pen.fillRect(size * 0.3, size * 0.3, size * 0.4, size * 0.4);
  }
}

/// 0 to 1: how strong a measure is shown. Logarithmic, since most processes use next to nothing.
function heat(process, measure) {
  const value = process[measure];
  if (value === null) return 0;
  const [least, most] = measure === "cpu" ? [0.1, 100] : [1 << 20, 1 << 30];
  return Math.min(1, Math.max(0, Math.log(Math.max(value, least) / least) / Math.log(most / least)));
}

// ---- the row ----

export function cellsView(page) {
  const node = clone("cells-row");
  const canvas = node.querySelector("canvas");
  const part = partsOf(node);
  const pen = canvas.getContext("2d");
  let item = null;
  let places = new Map(); // process -> its cell
  let at = null; // geometry
  let scale = 1;
  let marked = -1; // the cell that the keyboard or the pointer is at

  function cell(index) {
    const process = item.processes[index];
    const x = (index % at.columns) * at.pitch;
    const y = Math.floor(index / at.columns) * at.pitch;
    pen.clearRect(x - 1, y - 1, at.pitch, at.pitch);
    const measure = page.choice.cellsShow;
    const isHeat = measure !== "state" && process.pid !== null;
    pen.globalAlpha = isHeat ? 0.14 + 0.86 * heat(process, measure) : 1;
    pen.drawImage(sprite(isHeat ? "heat" : process.state, at.size, scale), x, y, at.size, at.size);
    pen.globalAlpha = 1;
    if (index !== marked) return;
    pen.strokeStyle = colours().get("text");
    pen.lineWidth = 2;
    pen.strokeRect(x + 0.5, y + 0.5, at.size - 1, at.size - 1);
  }
  function repaint() {
    scale = devicePixelRatio || 1;
    at = geometry(item.processes.length, node.parentElement?.clientWidth || page.width());
    if (canvas.width !== Math.ceil(at.width * scale) || canvas.height !== Math.ceil(at.height * scale)) {
      canvas.width = Math.ceil(at.width * scale);
      canvas.height = Math.ceil(at.height * scale);
      canvas.style.width = `${at.width}px`;
      canvas.style.height = `${at.height}px`;
      canvas.style.marginLeft = `${at.pad.left}px`;
      canvas.style.marginTop = `${at.pad.top}px`;
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, at.width, at.height);
    for (let index = 0; index < item.processes.length; index += 1) cell(index);
    setText(part.words, inWords(page.model.sum(item.program)));
  }
  function show(next) {
    item = next;
    places = new Map(item.processes.map((process, index) => [process, index]));
    if (marked >= item.processes.length) marked = -1;
    repaint();
  }
  function touch(changed) {
    let some = false;
    for (const process of changed) {
      const index = places.get(process);
      if (index === undefined) continue;
      cell(index);
      some = true;
    }
    if (some) setText(part.words, inWords(page.model.sum(item.program)));
    if (some && marked >= 0 && changed.has(item.processes[marked])) tell(marked);
  }
  function mark(index) {
    const before = marked;
    marked = index;
    if (before >= 0 && before < item.processes.length) cell(before);
    if (index >= 0) cell(index);
    tell(index);
  }
  function tell(index) {
    if (index < 0) return hideTip();
    const box = canvas.getBoundingClientRect();
    const x = box.left + (index % at.columns) * at.pitch;
    const y = box.top + Math.floor(index / at.columns) * at.pitch;
    showTip(page, item.processes[index], x, y, at.size);
  }
  function indexAt(event) {
    const column = Math.floor(event.offsetX / at.pitch);
    const index = Math.floor(event.offsetY / at.pitch) * at.columns + column;
    return column < at.columns && index >= 0 && index < item.processes.length ? index : -1;
  }
  canvas.addEventListener("pointermove", (event) => {
    const index = indexAt(event);
    if (index !== marked) mark(index);
  });
  canvas.addEventListener("pointerleave", () => mark(-1));
  canvas.addEventListener("click", (event) => {
    const index = indexAt(event);
    if (index >= 0) page.open(item.processes[index]);
  });
  /// For the keyboard: the cell `step` columns and `lines` lines on, or null beyond the edge.
  const move = (step, lines) => goTo(marked < 0 ? 0 : marked + step + lines * at.columns);
  const enter = (isFromBelow) => goTo(isFromBelow ? item.processes.length - 1 : 0);
  function goTo(index) {
    if (index < 0 || index >= item.processes.length) return null;
    mark(index);
    const top = at.pad.top + Math.floor(index / at.columns) * at.pitch;
    return { process: item.processes[index], top, bottom: top + at.pitch };
  }
  const current = () => item.processes[marked] ?? null;
  const retell = () => marked >= 0 && tell(marked);
  return { node, show, touch, repaint, enter, move, leave: () => mark(-1), current, tick: retell, scrolled: retell };
}

// ---- the words beside a cell ----

function showTip(page, process, x, y, size) {
  const tip = byId("tip");
  const now = page.now();
  const facts = [
    process.state,
    process.pid === null ? "" : `pid ${process.pid}`,
    process.born === null ? "" : `up ${duration((now - process.born) / 1000)}`,
    process.cpu === null ? "" : percent(process.cpu),
    process.rss === null ? "" : bytes(process.rss),
  ];
  const name = document.createElement("strong");
  name.textContent = process.name;
  const lines = [facts.filter(Boolean).join(" · "), why(process, now)].filter(Boolean);
  tip.replaceChildren(name, ...lines.map((line) => Object.assign(document.createElement("span"), { textContent: line })));
  tip.hidden = false;
  const left = Math.max(8, Math.min(x - 8, innerWidth - tip.offsetWidth - 8));
  const below = y + size + 8;
  const top = below + tip.offsetHeight > innerHeight - 8 ? y - tip.offsetHeight - 8 : below;
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

export function hideTip() {
  byId("tip").hidden = true;
}
