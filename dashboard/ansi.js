// Lines of a log to text nodes. Colours of ANSI sequences become classes; every other sequence and
// control character is left out or made visible. Nothing here ever makes markup from text.

/// CSI, OSC (with hyperlinks and titles), and the short ones.
const SEQUENCE = /\x1b(?:\[([0-9:;<=>?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\|$)|[PX^_][^\x1b]*(?:\x1b\\|$)|[ -/]*[0-~])/g;
/// What is left: C0 but the tab, DEL and C1; and what turns the direction of text around.
const UNSEEN = /[\x00-\x08\x0a-\x1f\x7f-\x9f]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/// Text that does nothing: characters that steer a terminal or the direction of writing become visible.
export const reveal = (text) =>
  text.replace(UNSEEN, (c) => {
    const code = c.codePointAt(0);
    if (code < 0x20 || code === 0x7f) return `^${String.fromCodePoint(code ^ 0x40)}`; // as a terminal writes it
    return `\u27e8${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
  });

export class Painter {
  #style = plain();

  /// A new stream starts without a colour.
  reset() {
    this.#style = plain();
  }

  /// Writes `text`, one line, into `node`. A colour goes on into the next line, as on a terminal.
  write(node, text) {
    let from = 0;
    SEQUENCE.lastIndex = 0;
    for (let found = SEQUENCE.exec(text); found; found = SEQUENCE.exec(text)) {
      this.#piece(node, text.slice(from, found.index));
      from = SEQUENCE.lastIndex;
      if (found[2] === "m") select(this.#style, found[1]);
    }
    this.#piece(node, text.slice(from));
  }

  #piece(node, text) {
    if (!text) return;
    const piece = document.createTextNode(reveal(text));
    const classes = classesOf(this.#style);
    const { fg, bg } = this.#style;
    if (!classes && !fg?.rgb && !bg?.rgb) return node.append(piece);
    const span = document.createElement("span");
    if (classes) span.className = classes;
    if (fg?.rgb) span.style.color = fg.rgb;
    if (bg?.rgb) span.style.backgroundColor = bg.rgb;
    span.append(piece);
    node.append(span);
  }
}

const plain = () => ({ fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false });

function classesOf(style) {
  const names = [];
  const [fg, bg] = [colourClass("fg", style.fg), colourClass("bg", style.bg)];
  if (fg) names.push(fg);
  if (bg) names.push(bg);
  for (const name of ["bold", "dim", "italic", "underline", "strike", "inverse"]) if (style[name]) names.push(name);
  return names.join(" ");
}

const colourClass = (ground, colour) => (typeof colour === "number" ? `${ground}-${colour}` : "");

/// Select Graphic Rendition.
function select(style, parameters) {
  const codes = parameters.split(/[;:]/).map((code) => Number(code) || 0);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) Object.assign(style, plain());
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 7) style.inverse = true;
    else if (code === 9) style.strike = true;
    else if (code === 22) style.bold = style.dim = false;
    else if (code === 23) style.italic = false;
    else if (code === 24) style.underline = false;
    else if (code === 27) style.inverse = false;
    else if (code === 29) style.strike = false;
    else if (code >= 30 && code <= 37) style.fg = code - 30;
    else if (code >= 90 && code <= 97) style.fg = code - 90 + 8;
    else if (code === 39) style.fg = null;
    else if (code >= 40 && code <= 47) style.bg = code - 40;
    else if (code >= 100 && code <= 107) style.bg = code - 100 + 8;
    else if (code === 49) style.bg = null;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      style[code === 38 ? "fg" : "bg"] = colour;
      at += used;
    }
  }
}

/// The colour after 38 or 48, and how many numbers it took.
function extended(codes) {
  const byte = (n) => Math.min(255, Math.max(0, n ?? 0));
  if (codes[0] === 2) return [{ rgb: `rgb(${byte(codes[1])}, ${byte(codes[2])}, ${byte(codes[3])})` }, 4];
  if (codes[0] !== 5) return [null, 1];
  const index = byte(codes[1]);
  if (index < 16) return [index, 2];
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return [{ rgb: `rgb(${grey}, ${grey}, ${grey})` }, 2];
  }
  const level = (n) => (n === 0 ? 0 : 55 + n * 40);
  const cube = index - 16;
  return [{ rgb: `rgb(${level(Math.floor(cube / 36))}, ${level(Math.floor(cube / 6) % 6)}, ${level(cube % 6)})` }, 2];
}
