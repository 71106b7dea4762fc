// How values read.

const two = (n) => String(n).padStart(2, "0");

export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86400) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
  return `${Math.floor(s / 86400)}d ${two(Math.floor(s / 3600) % 24)}h`;
}

/// Of less than a minute: `0.2s`.
export const precise = (seconds) => `${Number(seconds.toFixed(1))}s`;

/// By the reader's own clock: `14:03:07`, with the date unless it is today.
export function moment(then, now) {
  const day = (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
  return day(then) === day(now) ? clock : `${day(then)} ${clock}`;
}

export const number = (value) => value.toLocaleString("en");

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

export const percent = (value) => `${value >= 100 ? number(Math.round(value)) : value.toFixed(1)} %`;

/// `1 instance`, `2 instances`.
export const count = (value, thing) => `${number(value)} ${thing}${value === 1 ? "" : "s"}`;

export function exit(ending) {
  return ending.signal === undefined ? `exit code ${ending.code}` : `killed by ${ending.signal}`;
}

/// Why an instance is as it is. A description that counts seconds down (`retry 1 of 3 in 4 s`) was true
/// when it was said, at `process.saidAt`; both times are milliseconds of the page's clock.
export function why(process, now) {
  if (process.description) {
    const passed = Math.floor(Math.max(0, now - process.saidAt) / 1000);
    return process.description.replace(/ in (\d+) s$/, (_, left) => (left > passed ? ` in ${left - passed} s` : " now"));
  }
  if (!process.exit) return "";
  return process.pid === null ? exit(process.exit) : `last exit: ${exit(process.exit).replace(/^exit /, "")}`;
}
