// Writing to the page. Every text from outside goes in as a text node, and only what differs is written.

export const byId = (id) => document.getElementById(id);

export function clone(id) {
  return byId(id).content.firstElementChild.cloneNode(true);
}

/// The descendants that carry data-part, by name.
export function partsOf(node) {
  const parts = {};
  for (const part of node.querySelectorAll("[data-part]")) parts[part.dataset.part] = part;
  return parts;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/// The shape, the colour (by CSS) and the word of a state.
export function setState(node, state) {
  if (node.dataset.state === state) return;
  node.dataset.state = state;
  node.querySelector("use").setAttribute("href", `#${state}`);
  const word = node.querySelector("span");
  if (word) word.textContent = state;
}

/// Calls `work` once before the next paint, however often it is asked for. A page that is not shown
/// has no paints, but its title and state must be right all the same.
export function beforePaint(work) {
  let pending = false;
  const run = () => {
    if (!pending) return;
    pending = false;
    work();
  };
  return () => {
    if (pending) return;
    pending = true;
    if (document.hidden) setTimeout(run, 250);
    else requestAnimationFrame(run);
  };
}
