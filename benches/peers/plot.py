"""The plot for the README: one panel a question, one bar a contender, on a logarithmic scale."""

import math

COUNT = 1000
RESPAWN_COUNT = 100
ROW, BAR, LABELS, PANEL, GAP, TOP = 24, 13, 118, 250, 34, 86

STYLE = """
  text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328 }
  .panel { font-weight: 600; fill: #1f2328 }
  .ours { font-weight: 700; fill: #0a7c4a }
  .value { font-size: 11px }
  .bar { fill: #c3cad3 } .bar.floor { fill: #8c959f } .bar.us { fill: #1f9d61 }
  .axis { stroke: #d8dee4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 } .title, .panel { fill: #f0f6fc } .ours { fill: #56d99a }
    .bar { fill: #454c56 } .bar.floor { fill: #6e7681 } .bar.us { fill: #2fb574 } .axis { stroke: #3d444d }
  }
"""


def draw(data, median):
    panels = [
        ("CPU until all 1,000 run", "ms", [("life", COUNT, "start_cpu", 1000)]),
        ("private memory for 1,000", "KiB", [("life", COUNT, "private", 1)]),
        ("killed until it runs again", "ms", [("respawn", RESPAWN_COUNT, "respawn", 1000)]),
    ]
    present = [name for name, version in data["tools"].items() if version != "absent"]
    key = lambda name: median(data, "life", name, COUNT, "start_cpu") or math.inf
    names = sorted((name for name in present if key(name) < math.inf), key=key)
    width = LABELS + len(panels) * (PANEL + GAP)
    height = TOP + len(names) * ROW + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="Taskmaster beside other supervisors: CPU to start, memory, time to restart">',
        f"<style>{STYLE}</style>",
        '<text class="title" x="0" y="20">A thousand children: less is better, each gridline is ten times more</text>',
    ]
    for row, name in enumerate(names):
        y = TOP + row * ROW + BAR
        ours = ' class="ours"' if name == "taskmaster" else ""
        out.append(f'<text{ours} x="{LABELS - 12}" y="{y - 2}" text-anchor="end">{name}</text>')
    for index, (title, unit, figures) in enumerate(panels):
        (part, count, figure, factor), = figures
        values = {name: median(data, part, name, count, figure) for name in names}
        values = {name: value * factor for name, value in values.items() if value}
        out += panel(LABELS + index * (PANEL + GAP), f"{title}, {unit}", names, values)
    out.append("</svg>")
    return "\n".join(out) + "\n"


def panel(x, title, names, values):
    low = math.floor(math.log10(min(values.values(), default=1)) - 0.15)
    high = math.ceil(math.log10(max(values.values(), default=10)))
    room = PANEL - 52
    at = lambda value: (math.log10(value) - low) / max(high - low, 1) * room
    bottom = TOP + len(names) * ROW
    out = [f'<text class="panel" x="{x}" y="52">{title}</text>']
    for power in range(low, high + 1):
        line = x + at(10**power)
        out.append(f'<line class="axis" x1="{line:.1f}" y1="{TOP - 8}" x2="{line:.1f}" y2="{bottom}"/>')
        out.append(f'<text class="value" x="{line:.1f}" y="{TOP - 14}" text-anchor="middle">{short(10**power)}</text>')
    for row, name in enumerate(names):
        y = TOP + row * ROW
        if name not in values:
            out.append(f'<text class="value" x="{x + 4}" y="{y + BAR - 2}">-</text>')
            continue
        kind = {"taskmaster": " us", "floor": " floor"}.get(name, "")
        length = max(at(values[name]), 2)
        out.append(f'<rect class="bar{kind}" x="{x}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3"/>')
        ours = " ours" if name == "taskmaster" else ""
        out.append(
            f'<text class="value{ours}" x="{x + length + 6:.1f}" y="{y + BAR - 2}">{shown(values[name])}</text>'
        )
    return out


def shown(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def short(value):
    """For an axis: 100k, 1M."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
