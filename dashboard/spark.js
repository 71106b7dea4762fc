// A small line of a history, 60 by 16 units, newest at the right.

import { LENGTH } from "./history.js";

const HEIGHT = 16;
const TOP = 1.5; // room for the width of the line

/// Draws the samples of `slot`. `floor` is the value that fills the height at least, so that noise
/// around nothing stays flat.
export function draw(svg, history, slot, floor) {
  let max = floor;
  for (let i = 0; i < LENGTH; i += 1) {
    const value = history.at(slot, i);
    if (value > max) max = value;
  }
  let line = "";
  let area = "";
  let start = -1; // where the present stretch of samples began
  for (let i = 0; i <= LENGTH; i += 1) {
    const value = i < LENGTH ? history.at(slot, i) : NaN;
    if (Number.isNaN(value)) {
      if (start >= 0) area += `L${i - 1} ${HEIGHT}Z`;
      start = -1;
      continue;
    }
    const y = (HEIGHT - 0.75 - (value / max) * (HEIGHT - 0.75 - TOP)).toFixed(1);
    line += start < 0 ? `M${i} ${y}` : `L${i} ${y}`;
    area += start < 0 ? `M${i} ${HEIGHT}L${i} ${y}` : `L${i} ${y}`;
    if (start < 0) start = i;
  }
  svg.children[0].setAttribute("d", area);
  svg.children[1].setAttribute("d", line);
}

/// Percent of one CPU, and bytes: below these, a line stays low.
export const CPU_FLOOR = 5;
export const RSS_FLOOR = 1024 * 1024;
