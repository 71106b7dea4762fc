// Where the documents come from: the server's events, or polling where events do not come through
// (a proxy may hold them back). It reconnects by itself, and at once when asked to.

const STATUS = "api/status";
const EVENTS = "api/events";

/// Milliseconds. A supervisor that is being restarted is seen again as soon as it is back; a dead one is not
/// hammered.
const RETRY_FIRST = 400;
const RETRY_MAX = 5000;
/// So many times in a row it is tried again that soon.
const RETRIES_SOON = 25;
/// How long an event stream may take to say its first word.
const OPEN_MAX = 5000;
const FETCH_MAX = 5000;
/// A stream that says nothing for so long is asked after: a connection can die without a word.
const SILENCE_MAX = 10000;
const POLL = 1000;
/// After so many polls events are tried again.
const POLLS_BEFORE_EVENTS = 30;
/// A page that nobody looks at gives its connection back after a while (a browser has six for all its
/// tabs), and looks now and then for what its title says.
const HIDDEN_AFTER = 5000;
const HIDDEN_POLL = 15000;

export class Source {
  #to; // { status(document), change(delta), connected(how), lost(retryAt), heard() }
  #stream = null;
  #timer = null;
  #silence = null;
  #hiding = null;
  #failures = 0;
  #turn = 0; // counts attempts; whatever comes from an older one is ignored

  constructor(to) {
    this.#to = to;
    document.addEventListener("visibilitychange", () => this.#seen());
    addEventListener("online", () => this.retry());
    addEventListener("pagehide", () => this.#stop());
    addEventListener("pageshow", (event) => event.persisted && this.retry());
  }

  /// Forgets what it waits for and connects now.
  retry() {
    this.#stop();
    if (document.hidden) this.#poll(HIDDEN_POLL, 0);
    else this.#listen();
  }

  #stop() {
    this.#turn += 1;
    this.#stream?.close();
    this.#stream = null;
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
  }

  #seen() {
    clearTimeout(this.#hiding);
    if (document.hidden) this.#hiding = setTimeout(() => this.retry(), HIDDEN_AFTER);
    else if (!this.#stream) this.retry();
  }

  #listen() {
    const turn = this.#turn;
    const stream = new EventSource(EVENTS);
    this.#stream = stream;
    let hasSpoken = false;
    const isOurs = () => turn === this.#turn;
    this.#timer = setTimeout(() => isOurs() && this.#fallBack(), OPEN_MAX);
    const hear = (use) => (event) => {
      if (!isOurs()) return;
      this.#listenOn();
      use(JSON.parse(event.data));
      this.#to.heard();
    };
    stream.addEventListener("status", hear((status) => {
      hasSpoken = true;
      clearTimeout(this.#timer);
      this.#to.status(status);
      this.#to.connected("live");
    }));
    // A change means nothing without the document before it.
    stream.addEventListener("change", hear((change) => hasSpoken && this.#to.change(change)));
    stream.addEventListener("error", () => {
      if (!isOurs()) return;
      if (hasSpoken) this.#lost();
      else this.#fallBack();
    });
  }

  #listenOn() {
    clearTimeout(this.#silence);
    const turn = this.#turn;
    this.#silence = setTimeout(async () => {
      const isAlive = await fetchWithin("healthz", (answer) => answer.ok);
      if (turn !== this.#turn) return;
      if (isAlive) this.#listenOn();
      else this.#lost();
    }, SILENCE_MAX);
  }

  /// No stream: is there a supervisor at all?
  async #fallBack() {
    this.#stop();
    const turn = this.#turn;
    const status = await fetchWithin(STATUS, (answer) => (answer.ok ? answer.json() : null));
    if (turn !== this.#turn) return;
    if (!status) return this.#lost();
    this.#failures = 0;
    this.#to.status(status);
    this.#to.connected("polling");
    this.#poll(POLL, POLLS_BEFORE_EVENTS);
  }

  /// Polls; events are tried again after `times`, 0 meaning never.
  #poll(interval, times) {
    const turn = this.#turn;
    this.#timer = setTimeout(async () => {
      const status = await fetchWithin(STATUS, (answer) => (answer.ok ? answer.json() : null));
      if (turn !== this.#turn) return;
      if (!status) return this.#lost();
      this.#to.status(status);
      this.#to.connected("polling");
      if (times === 1) this.retry();
      else this.#poll(interval, times && times - 1);
    }, interval);
  }

  #lost() {
    this.#stop();
    const later = Math.max(0, this.#failures - RETRIES_SOON);
    const wait = Math.min(RETRY_FIRST * 2 ** later, RETRY_MAX);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.retry(), wait);
    this.#to.lost(performance.now() + wait);
  }
}

/// What `use` makes of the answer, or null when there is none in time.
async function fetchWithin(url, use) {
  try {
    return await use(await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(FETCH_MAX) }));
  } catch {
    return null;
  }
}
