"""Bars and lines as SVG, readable on light and dark pages."""

from __future__ import annotations

import math
from html import escape

WIDTH = 720
BAR, GAP = 22, 10
LABEL = 240  # width of the bars' names
# Told apart without red and green; ours first.
COLORS = ("#d9480f", "#f08c00", "#e8590c", "#1c7ed6", "#7048e8", "#868e96")
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 12px; fill: #57606a }
.grid { stroke: #8886; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9da7b3 }
}
</style>"""


def svg(height: float, title: str, parts: list[str]) -> str:
    """A file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" role="img">',
            f"<title>{escape(title)}</title>",
            STYLE,
            words(12, 22, title, "title"),
            *parts,
            "</svg>\n",
        ]
    )


def words(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    """A line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )


def number(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def bars(title: str, values: list[tuple[str, float]]) -> str:
    """A bar a row, to scale."""
    most = max(value for _, value in values)
    room = WIDTH - LABEL - 70
    parts = []
    for i, (name, value) in enumerate(values):
        y = 40 + i * (BAR + GAP)
        width = max(1, room * value / most)
        color = COLORS[0] if name.startswith("wherefore") else COLORS[-1]
        parts += [
            words(LABEL - 8, y + 16, name, anchor="end"),
            f'<rect x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3" '
            f'fill="{color}"/>',
            words(LABEL + width + 6, y + 16, number(value)),
        ]
    return svg(46 + len(values) * (BAR + GAP), title, parts)


def ticks(low: float, high: float, log: bool) -> list[float]:
    """Round numbers from below low to above high."""
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return [10**e * m for e in range(first, last + 1) for m in (1, 2, 5)]
    step = 10 ** math.floor(math.log10(high / 4))
    step = next(step * m for m in (1, 2, 5, 10) if step * m * 6 >= high)
    return [step * i for i in range(math.ceil(high / step) + 1)]


class Axis:
    """Values to positions."""

    def __init__(self, values: list[float], start: float, stop: float, log: bool):
        low, high = min(values), max(values)
        self.log, self.start, self.stop = log, start, stop
        marks = ticks(low, high, log)
        if log:
            low = max((mark for mark in marks if mark <= low), default=low)
            high = min((mark for mark in marks if mark >= high), default=high)
            if low == high:
                high = low * 2
            self.low, self.high = math.log(low), math.log(high)
        else:
            self.low, self.high = 0.0, marks[-1]
        self.ticks = [mark for mark in marks if low <= mark <= high or not log]

    def at(self, value: float) -> float:
        value = math.log(value) if self.log else value
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.stop - self.start)


def lines(
    title: str,
    below: str,
    series: dict[str, list[tuple[float, float]]],
    log: bool = False,
    log_x: bool = False,
) -> str:
    """Lines with their points, and what they are on the right."""
    height, left, right, top, bottom = 340, 56, WIDTH - 220, 40, 290
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    across, up = Axis(xs, left, right, log_x), Axis(ys, bottom, top, log)
    parts = [words((left + right) / 2, height - 14, below, "small", "middle")]
    for mark in up.ticks:
        y = up.at(mark)
        parts += [
            f'<path class="grid" d="M{left} {y:.1f}H{right}"/>',
            words(left - 8, y + 4, f"{mark:g}", "small", "end"),
        ]
    for mark in across.ticks:
        parts.append(words(across.at(mark), bottom + 18, f"{mark:g}", "small", "middle"))
    for i, (name, points) in enumerate(series.items()):
        color = COLORS[i % len(COLORS)]
        path = "L".join(f"{across.at(x):.1f} {up.at(y):.1f}" for x, y in points)
        dash = ' stroke-dasharray="6 4"' if i % 2 else ""
        parts.append(
            f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/>'
        )
        parts += [
            f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{color}"/>'
            for x, y in points
        ]
        y = top + 14 + 20 * i
        parts += [
            f'<path d="M{right + 12} {y - 4}h22" stroke="{color}" stroke-width="2"{dash}/>',
            words(right + 40, y, name, "small"),
        ]
    return svg(height, title, parts)
