// Says whether what the page shows is true now. Old values stay when the connection is lost, but
// nothing pretends that they are still so.

import { byId, partsOf, setText } from "./dom.js";

export class Connection {
  #words = partsOf(byId("connection")).words;
  #lost = partsOf(byId("lost"));
  #seen = null; // when the last word came, by the wall clock
  #retryAt = null;

  constructor(retry) {
    this.#lost.now.addEventListener("click", retry);
  }

  /// `how` is "live", or "polling" where events do not come through.
  connected(how) {
    this.#seen = new Date();
    this.#retryAt = null;
    document.body.classList.remove("lost", "waiting");
    byId("lost").hidden = true;
    setText(this.#words, how === "live" ? "Live" : "Live, by polling");
  }

  heard() {
    this.#seen = new Date();
  }

  /// `retryAt` is by the page's monotonic clock, in milliseconds.
  lost(retryAt) {
    this.#retryAt = retryAt;
    document.body.classList.add("lost");
    document.body.classList.remove("waiting");
    byId("lost").hidden = false;
    setText(this.#words, "Disconnected");
    setText(this.#lost.since, this.#seen ? `What you see is from ${this.#seen.toLocaleTimeString()}.` : "");
    this.tick();
  }

  tick() {
    if (this.#retryAt === null) return;
    const left = Math.ceil((this.#retryAt - performance.now()) / 1000);
    setText(this.#lost.next, left > 0 ? `Trying again in ${left} s.` : "Trying again …");
  }
}
