// The page changes nothing by itself; it hands out the command that would.

import { byId, setText } from "./dom.js";

const TOAST_MS = 2500;

let hiding = null;

export function toast(words) {
  const node = byId("toast");
  setText(node, words);
  node.classList.add("shown");
  clearTimeout(hiding);
  hiding = setTimeout(() => node.classList.remove("shown"), TOAST_MS);
}

let option = "";

/// What a command must say to find this supervisor: nothing where it runs with the default file.
export function setConfig(path) {
  const isPlain = /^[\w.\/@%+=:,-]+$/.test(path);
  const word = isPlain ? path : `'${path.replaceAll("'", "'\\''")}'`;
  option = path === "config.yaml" ? "" : ` -c ${word}`;
}

export const command = (verb, target) => `taskmaster ${verb}${option} ${target}`;

export async function copy(text) {
  const copied = (await copyModern(text)) || copyOld(text);
  toast(copied ? `Copied: ${text}` : `Copy it by hand: ${text}`);
}

async function copyModern(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or not a secure context
  }
}

/// For pages that came over plain HTTP from another machine, which have no navigator.clipboard.
function copyOld(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus?.({ preventScroll: true });
  return copied;
}
