// One log, followed: its last lines, then every new one. Reconnects by itself.

/// How many lines are asked for at first.
export const LINES = 1000;

const RETRY_MS = 1000;
const RETRY_MAX_MS = 8000;

export class LogStream {
  #url;
  #to; // { opened(), lines(array), state(words) }
  #source = null;
  #timer = null;
  #failures = 0;
  #isOver = false;

  constructor(process, stream, to) {
    const [program, number] = [encodeURIComponent(process.program.name), process.number];
    this.#url = `api/programs/${program}/logs/${number}/${stream}?lines=${LINES}`;
    this.#to = to;
    this.#connect();
  }

  close() {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#source?.close();
  }

  #connect() {
    const source = new EventSource(`${this.#url}&follow=1`);
    this.#source = source;
    source.addEventListener("open", () => {
      this.#failures = 0;
      this.#to.opened();
      this.#to.state("");
    });
    source.addEventListener("line", ({ data }) => this.#to.lines([data]));
    source.addEventListener("error", () => this.#failed());
  }

  async #failed() {
    this.#source.close();
    if (this.#isOver) return;
    this.#failures += 1;
    const reason = await this.#reason();
    if (this.#isOver) return;
    this.#to.state(reason ?? "No connection, trying again …");
    const wait = Math.min(RETRY_MS * 2 ** (this.#failures - 1), RETRY_MAX_MS);
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  /// An EventSource does not tell why it was refused; the same address without following does.
  async #reason() {
    try {
      const answer = await fetch(this.#url, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      return answer.ok ? null : (await answer.text()).trim().slice(0, 300) || `refused (${answer.status})`;
    } catch {
      return null;
    }
  }
}
