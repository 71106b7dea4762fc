"""results.json as tables (table.md) and as a plot (plot.svg)."""

import statistics

import plot

IDLE_SECONDS = 20


def median(data, part, tool, count, figure):
    samples = data["samples"].get(f"{part}/{tool}/{count}", [])
    values = [sample[figure] for sample in samples if sample.get(figure) is not None]
    return statistics.median(values) if values else None


def failure(data, part, tool, count):
    samples = data["samples"].get(f"{part}/{tool}/{count}", [])
    return next((sample["failed"] for sample in samples if "failed" in sample), None)


def counts_of(data, part):
    keys = [key.split("/") for key in data["samples"]]
    return sorted({int(key[-1]) for key in keys if key[0] == part})


def tools_of(data, part, count):
    names = [key.split("/", 1)[1].rsplit("/", 1) for key in data["samples"] if key.startswith(part + "/")]
    names = [name for name, number in names if int(number) == count]
    order = list(data["tools"])
    return sorted(names, key=lambda name: order.index(name) if name in order else -1)


def number(value, factor=1, unit=""):
    if value is None:
        return "-"
    value *= factor
    if value >= 100:
        return f"{value:,.0f}{unit}"
    return f"{value:.3g}{unit}"


def ratio(value, floor):
    return "-" if value is None or not floor else f"{value / floor:.2f}x"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def life_table(data, count):
    get = lambda tool, figure: median(data, "life", tool, count, figure)
    head = [
        f"N = {count:,}", "all running ms", "to floor", "CPU ms", "to floor", "processes", "PSS KiB", "private KiB",
        "private per child KiB", "idle CPU ms", "idle switches", "status ms", "all stopped ms", "to floor",
    ]
    rows = []
    for tool in tools_of(data, "life", count):
        why = failure(data, "life", tool, count)
        if why:
            rows.append([tool, why, *["-"] * 12])
            continue
        start, stop, private = get(tool, "start"), get(tool, "stop"), get(tool, "private")
        rows.append([
            f"**{tool}**" if tool == "taskmaster" else tool, number(start, 1000), ratio(start, get("floor", "start")),
            number(get(tool, "start_cpu"), 1000), ratio(get(tool, "start_cpu"), get("floor", "start_cpu")),
            number(get(tool, "processes")), number(get(tool, "pss")),
            number(private), number(private / count if private else None), number(get(tool, "idle_cpu"), 1000),
            number(get(tool, "idle_switches")), number(get(tool, "status"), 1000), number(stop, 1000),
            ratio(stop, get("floor", "stop")),
        ])
    return table(head, rows)


def respawn_table(data):
    count = counts_of(data, "respawn")[0]
    get = lambda tool, figure: median(data, "respawn", tool, count, figure)
    floor = get("floor", "respawn")
    rows = [
        [f"**{tool}**" if tool == "taskmaster" else tool, number(get(tool, "respawn"), 1000),
         ratio(get(tool, "respawn"), floor), number(get(tool, "respawn_worst"), 1000),
         number(get(tool, "respawn_again"), 1000)]
        for tool in tools_of(data, "respawn", count)
    ]
    return table(["SIGKILL until the next runs", "median ms", "to floor", "worst ms", "killed again at once, ms"], rows)


def log_table(data, part, count, floor):
    get = lambda tool, figure: median(data, part, tool, count, figure)
    rows = []
    for tool in tools_of(data, part, count):
        seconds, cpu, size, lost = (get(tool, figure) for figure in ("seconds", "cpu", "bytes", "lost"))
        if not seconds:
            rows.append([tool, failure(data, part, tool, count) or "-", *["-"] * 4])
            continue
        rows.append([
            f"**{tool}**" if tool == "taskmaster" else tool, number(size * (1 - lost) / seconds / 1e6),
            number(cpu), ratio(seconds, get(floor, "seconds")), ratio(cpu, get(floor, "cpu")),
            f"{lost * 100:.2g} %" if lost else "none",
        ])
    return table([part, "MB/s", "CPU s", "time to floor", "CPU to floor", "lost"], rows)


def write(data, directory):
    machine = data["machine"]
    loads = [sample["load"] for samples in data["samples"].values() for sample in samples]
    lines = [
        "# Side by side", "",
        f"Linux {machine['kernel']}, {machine['cpus']} cores, {machine['memory_gib']} GiB. Load average while measuring: "
        f"{min(loads, default=0)} to {max(loads, default=0)}; contenders come one after the other, so that it is also what the one before and the one "
        "measured make of it. It stands beside each sample in results.json; where there are few samples, times can only be compared if they differ by much.", "",
        "Contenders: " + "; ".join(f"{name} {version or ''}".strip() for name, version in data["tools"].items()) + ".",
    ]
    for count in counts_of(data, "life"):
        lines += ["", *life_table(data, count)]
    if counts_of(data, "respawn"):
        lines += ["", *respawn_table(data)]
    for part, floor in (("large writes", "read/write loop"), ("single lines", "read/write loop")):
        if counts_of(data, part):
            lines += ["", *log_table(data, part, 1, floor)]
    if counts_of(data, "chatty"):
        lines += ["", *log_table(data, "chatty", counts_of(data, "chatty")[0], "taskmaster")]
    (directory / "table.md").write_text("\n".join(lines) + "\n")
    (directory / "plot.svg").write_text(plot.draw(data, median))
