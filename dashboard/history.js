// The last two minutes of one measure (CPU, memory) of everything, in one block of numbers: 5,000
// instances cost a megabyte and no objects.

/// Samples that are kept of each.
export const LENGTH = 60;
/// Milliseconds from one sample to the next.
export const INTERVAL_MS = 2000;

export class History {
  #values = new Float32Array(64 * LENGTH).fill(NaN);
  #head = 0; // where the newest sample stands, for all of them

  /// Makes room for a new newest sample.
  advance() {
    this.#head = (this.#head + 1) % LENGTH;
    for (let at = this.#head; at < this.#values.length; at += LENGTH) this.#values[at] = NaN;
  }

  /// Writes the newest sample of `slot`; null where there is nothing to measure.
  set(slot, value) {
    this.#reserve(slot);
    this.#values[slot * LENGTH + this.#head] = value ?? NaN;
  }

  /// Forgets all of `slot`, which gets another owner.
  clear(slot) {
    this.#reserve(slot);
    this.#values.fill(NaN, slot * LENGTH, (slot + 1) * LENGTH);
  }

  /// Sample number `index`, 0 being the oldest; NaN where there is none.
  at(slot, index) {
    return this.#values[slot * LENGTH + ((this.#head + 1 + index) % LENGTH)];
  }

  #reserve(slot) {
    if ((slot + 1) * LENGTH <= this.#values.length) return;
    const larger = new Float32Array(Math.max(this.#values.length * 2, (slot + 1) * LENGTH)).fill(NaN);
    larger.set(this.#values);
    this.#values = larger;
  }
}
