// The keyboard. Letters act anywhere but in a field; arrows act on the list.

import { byId } from "./dom.js";

const isField = (node) => node instanceof Element && node.closest("input, textarea, select, dialog[open]") !== null;

export function listen(page) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return escape(page, event);
    if (isField(event.target)) return fieldKey(page, event);
    const act = LETTERS[event.key] ?? (isOnButton(event) || isInLog(event) ? null : ARROWS[event.key]);
    if (!act) return;
    event.preventDefault();
    act(page, event);
  });
}

/// Enter and the arrows belong to a button, or to what scrolls, that has the focus.
const isOnButton = ({ target }) => target instanceof Element && target.closest("button, a") !== null;
const isInLog = ({ target }) => target instanceof Element && target.closest(".log, .black-box-list") !== null;

const LETTERS = {
  "/": () => {
    byId("filter").focus();
    byId("filter").select();
  },
  "?": () => byId("help").showModal(),
  c: (page) => page.copyActive(),
  e: (page) => page.dock.toggleStream(),
  f: (page) => page.showOnly("FATAL"),
  g: (page) => page.toggleCellsActive(),
  p: (page) => page.dock.toggleFollow(),
  s: (page) => page.nextSort(),
  t: () => byId("theme").click(),
  x: (page) => page.dock.toggleExits(),
};

const ARROWS = {
  ArrowDown: (page) => page.step(1),
  ArrowUp: (page) => page.step(-1),
  PageDown: (page) => page.step(10),
  PageUp: (page) => page.step(-10),
  Home: (page) => page.step(-Infinity),
  End: (page) => page.step(Infinity),
  ArrowRight: (page) => page.sideways(1),
  ArrowLeft: (page) => page.sideways(-1),
  Enter: (page) => page.openActive(),
  " ": (page) => page.openActive(),
};

/// From the filter straight into the list.
function fieldKey(page, event) {
  if (event.target.id !== "filter" || (event.key !== "ArrowDown" && event.key !== "Enter")) return;
  event.preventDefault();
  byId("programs").focus({ preventScroll: true });
  page.step(-Infinity);
}

/// Undoes one thing, the latest first.
function escape(page, event) {
  if (byId("help").open) return; // the dialog closes itself
  const field = event.target;
  if (field instanceof HTMLInputElement && field.id !== "filter" && field.value) {
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (page.dock.isOpen) page.close();
  else if (page.choice.isFiltering) page.clearFilter();
  else if (field.id === "filter") byId("programs").focus({ preventScroll: true });
  else return;
  event.preventDefault();
}
