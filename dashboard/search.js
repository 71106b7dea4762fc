// Finding words in the log. Lines that have them are marked by a class, the words themselves by the
// browser's highlights, which change no node.

const NAME = "found";

export class Search {
  #log;
  #text = "";
  #at = -1;

  constructor(log) {
    this.#log = log;
  }

  set(text) {
    this.#text = text.toLowerCase();
    this.#at = -1;
    return this.refresh();
  }

  /// Looks again; gives the number of lines that have the text, or null when nothing is looked for.
  refresh() {
    globalThis.CSS?.highlights?.delete(NAME);
    const hits = [];
    for (const line of this.#log.children) {
      const isHit = this.#text !== "" && line.textContent.toLowerCase().includes(this.#text);
      if (line.classList.contains("hit") !== isHit) line.classList.toggle("hit", isHit);
      if (isHit) hits.push(line);
    }
    this.#highlight(hits);
    return this.#text ? hits.length : null;
  }

  /// Scrolls to the next line that has it, backwards with -1. Gives its place among them, from 1.
  go(step) {
    const hits = [...this.#log.querySelectorAll(".hit")];
    if (!hits.length) return 0;
    this.#log.querySelector(".current")?.classList.remove("current");
    // The search begins at the end, where the reader is.
    this.#at = this.#at < 0 ? hits.length - 1 : (this.#at + step + hits.length) % hits.length;
    hits[this.#at].classList.add("current");
    hits[this.#at].scrollIntoView({ block: "center" });
    return this.#at + 1;
  }

  #highlight(hits) {
    if (!this.#text || !globalThis.Highlight) return;
    const ranges = [];
    for (const line of hits.slice(-1000)) {
      const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const text = node.data.toLowerCase();
        if (text.length !== node.data.length) continue; // places would not fit
        for (let at = text.indexOf(this.#text); at >= 0; at = text.indexOf(this.#text, at + this.#text.length)) {
          const range = document.createRange();
          range.setStart(node, at);
          range.setEnd(node, at + this.#text.length);
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set(NAME, new Highlight(...ranges));
  }
}
