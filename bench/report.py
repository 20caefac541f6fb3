"""Tables, goals and plots of what compare.py found."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import plot

MARKS = ("<!-- results: bench/run --publish -->", "<!-- end of results -->")


class Goal(NamedTuple):
    """Issue 8's; found is None where something was not measured."""

    what: str
    limit: float
    found: float | None
    at_least: bool = False
    unit: str = ""

    @property
    def met(self) -> bool:
        if self.at_least:
            return self.found >= self.limit
        return self.found <= self.limit


def cell(result: dict, service: str, photo: str, clients: int) -> dict | None:
    """A row of the closed loop."""
    for row in result["closed"]:
        if (row["service"], row["photo"], row["clients"]) == (service, photo, clients):
            return row
    return None


def ratio(result: dict, ours: str, theirs: str, photo: str, clients: int, key: str):
    """Ours over theirs."""
    a, b = (cell(result, name, photo, clients) for name in (ours, theirs))
    return a[key] / b[key] if a and b else None


def engine_ratio(result: dict, ours: str, theirs: str) -> float | None:
    """Of medians."""
    rows = result["engines"]["engines"]
    if ours not in rows or theirs not in rows:
        return None
    return rows[ours]["median_ms"] / rows[theirs]["median_ms"]


def goals(result: dict) -> list[Goal]:
    """Those of issue 8 that were measured."""

    def load(ours, theirs, photo, clients, key):
        return ratio(result, ours, theirs, photo, clients, key)

    stages = result["stages"]
    rest = stages["all_but_infer_ms"]
    share = rest / (rest + stages["median_ms"]["infer"])
    fp32, int8 = "wherefore", "wherefore-int8"
    per_s, median = "per_s", "p50_ms"
    engine, engine_int8 = "wherefore fp32", "wherefore int8"
    found = [
        Goal("throughput, 8 clients, 500 x 375: fp32 / FastAPI + ONNX Runtime", 2.0,
             load(fp32, "onnx", "small", 8, per_s), True, " ×"),
        Goal("the same, int8", 3.2,
             load(int8, "onnx", "small", 8, per_s), True, " ×"),
        Goal("the same, fp32 / FastAPI + PyTorch + grad-cam", 25,
             load(fp32, "torch", "small", 8, per_s), True, " ×"),
        Goal("a lone request's latency: fp32 / FastAPI + ONNX Runtime", 0.45,
             load(fp32, "onnx", "small", 1, median), unit=" ×"),
        Goal("the same, fp32 / FastAPI + PyTorch + grad-cam", 0.1,
             load(fp32, "torch", "small", 1, median), unit=" ×"),
        Goal("12 MP JPEG, overlay of 1024 px: fp32 / FastAPI + ONNX Runtime", 0.35,
             load(fp32, "onnx", "phone", 1, median), unit=" ×"),
        Goal("the same, overlay of 12 MP", 0.35,
             load(fp32, "onnx", "phone-full", 1, median), unit=" ×"),
        Goal("engine: fp32 / ONNX Runtime fp32", 1.05,
             engine_ratio(result, engine, "ONNX Runtime fp32"), unit=" ×"),
        Goal("engine: int8 / ONNX Runtime fp32", 0.62,
             engine_ratio(result, engine_int8, "ONNX Runtime fp32"), unit=" ×"),
        Goal("engine: int8 / OpenVINO bf16", 1.1,
             engine_ratio(result, engine_int8, "OpenVINO bf16"), unit=" ×"),
        Goal("all but inference, of a request", 25, 100 * share, unit=" %"),
        Goal("start to ready", 150, result["service"]["ready_ms"], unit=" ms"),
        Goal("resident, two workers, fp32", 80, result["service"]["busy_mb"],
             unit=" MB"),
    ]  # fmt: skip
    return [goal for goal in found if goal.found is not None]


def goal_rows(result: dict) -> list[list[str]]:
    """Goal, found, met."""
    return [
        [
            goal.what,
            f"{'≥' if goal.at_least else '≤'} {goal.limit:g}{goal.unit}",
            f"{goal.found:.3g}{goal.unit}",
            "met" if goal.met else "**not met**",
        ]
        for goal in goals(result)
    ]


def closed_rows(result: dict) -> list[list[str]]:
    """Requests a second and latencies, with ratios to the first peer's."""
    rows = []
    for row in result["closed"]:
        base = cell(result, "onnx", row["photo"], row["clients"])
        rows.append(
            [
                result["photos"][row["photo"]]["label"],
                str(row["clients"]),
                result["services"][row["service"]]["label"],
                f"{row['per_s']:.1f}",
                f"{row['per_s'] / base['per_s']:.2f}" if base else "",
                f"{row['p50_ms']:.1f}",
                f"{row['p50_ms'] / base['p50_ms']:.2f}" if base else "",
                f"{row['p99_ms']:.1f}",
                str(row["failed"] or ""),
            ]
        )
    return rows


def open_rows(result: dict) -> list[list[str]]:
    """Latency from when a request was due."""
    rows = []
    for row in sorted(
        result["open"], key=lambda row: (row["kind"], row["share"], row["rate"])
    ):
        whose = "its own" if row["kind"] == "own" else "ONNX Runtime's"
        lost = row["sent"] - row["answered"]
        rows.append(
            [
                f"{row['share']:.0%} of {whose}",
                result["services"][row["service"]]["label"],
                f"{row['rate']:.0f}",
                f"{row['p50_ms']:.1f}",
                f"{row['p90_ms']:.1f}",
                f"{row['p99_ms']:.1f}",
                f"{lost} of {row['sent']}" if lost else "",
            ]
        )
    return rows


def engine_rows(result: dict) -> list[list[str]]:
    """The engines, fastest first."""
    rows = result["engines"]["engines"]
    base = rows["ONNX Runtime fp32"]["median_ms"]
    return [
        [
            name,
            f"{row['median_ms']:.2f}",
            f"{row['median_ms'] / base:.2f}",
            f"{row['least_ms']:.2f}",
            f"{row['logits_apart']:.1g}",
        ]
        for name, row in sorted(rows.items(), key=lambda item: item[1]["median_ms"])
    ]


def service_rows(result: dict) -> list[list[str]]:
    """Start, memory and idleness."""
    return [
        [
            row["label"],
            f"{row['ready_ms']:.0f}",
            f"{row['resident_mb']:.0f}",
            f"{row['idle_share']:.1%}",
        ]
        for row in result["services"].values()
    ]


TABLES = (
    ("Goals", ("what", "goal", "found", ""), goal_rows),
    (
        "Closed loop",
        ("photo", "clients", "service", "a second", "ratio", "median ms", "ratio",
         "p99 ms", "failed"),
        closed_rows,
    ),
    (
        "Open loop, 500 x 375",
        ("rate", "service", "a second", "median ms", "p90 ms", "p99 ms", "unanswered"),
        open_rows,
    ),
    (
        "Engines alone, one thread",
        ("engine", "median ms", "ratio", "least ms", "logits apart"),
        engine_rows,
    ),
    (
        "Services",
        ("service", "start to ready, ms", "resident after the load, MB", "idle, of a core"),
        service_rows,
    ),
)  # fmt: skip


def headline(result: dict) -> str:
    """Machine, date and versions."""
    about = result["machine"]
    packages = ", ".join(f"{name} {x}" for name, x in about["versions"].items())
    return (
        f"{about['date']}, {about['cpu']}, {about['cores']} cores, {about['system']}; "
        f"{packages}. {result['minutes']:.1f} minutes, load before: "
        f"{about['load_before']:.2f}."
    )


def markdown(result: dict) -> str:
    """All tables, as bench/README.md has them."""
    lines = [headline(result)]
    for title, head, make in TABLES:
        if rows := make(result):
            lines += ["", f"### {title}", "", f"| {' | '.join(head)} |"]
            lines.append("|" + " --- |" * len(head))
            lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def fill_in(result: dict, page: Path) -> None:
    """Puts the tables between the page's marks."""
    before, mark, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not mark or not end:
        raise SystemExit(f"bench: {page} has no place for results")
    page.write_text(
        f"{before}{mark}\n\n{markdown(result)}\n\n{end}{after}", encoding="utf-8"
    )


def text(result: dict) -> str:
    """The same for a terminal."""
    lines = [headline(result)]
    for title, head, make in TABLES:
        if rows := make(result):
            table = [list(head), *rows]
            widths = [max(map(len, column)) for column in zip(*table, strict=True)]
            lines += ["", title]
            lines += [
                "  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table
            ]
    return "\n".join(lines).replace("**", "")


def plots(result: dict, folder: Path) -> None:
    """A figure a file."""
    folder.mkdir(parents=True, exist_ok=True)
    label = {name: row["label"] for name, row in result["services"].items()}
    for photo, clients, key, title in (
        ("small", 8, "per_s", "Requests a second, 8 clients, 500 x 375 JPEG"),
        ("small", 1, "p50_ms", "Latency of a lone request, ms (median), 500 x 375 JPEG"),
        ("phone", 1, "p50_ms", "Latency, ms (median), 12 MP JPEG, overlay of 1024 px"),
    ):
        bars = [
            (label[row["service"]], row[key])
            for row in result["closed"]
            if (row["photo"], row["clients"]) == (photo, clients)
        ]
        name = f"bench-{photo}-{clients}.svg"
        (folder / name).write_text(plot.bars(title, bars), encoding="utf-8")
    rows = result["engines"]["engines"]
    bars = [(name, row["median_ms"]) for name, row in rows.items()]
    (folder / "bench-engines.svg").write_text(
        plot.bars("The engine alone, one thread, ms (median)", bars), encoding="utf-8"
    )
    lines: dict[str, list] = {}
    for row in result["open"]:
        if row["kind"] == "own":
            points = lines.setdefault(label[row["service"]], [])
            points.append((row["rate"], row["p99_ms"]))
    if lines:
        (folder / "bench-open.svg").write_text(
            plot.lines(
                "Latency under load: the slowest of 100, ms",
                "requests a second, sent whether or not others are answered",
                lines,
                log=True,
            ),
            encoding="utf-8",
        )
