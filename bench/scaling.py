"""What a request costs as the photo, the classes asked for, the clients, the
cores or the network grow. Writes build/bench-scaling.json and plots."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import load
import network_files
import plot
from photos import Photo, enlarged, photos
from services import ROOT, Service

FOLDER = ROOT / "build/bench"
SIDES = (250, 500, 1000, 2000, 4000)  # of a 4:3 photo
CLASSES = (1, 2, 4, 8, 16)
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
NETWORKS = ("mobilenet-v2", "efficientnet-lite0", "efficientnet-lite2", "resnet50")

# A figure's points: (line, x, measures it)
Points = list[tuple[str, float, Callable[[], float]]]


def sized(side: int) -> Path:
    """A JPEG, made unless it is there."""
    path = FOLDER / f"photos/{side}.jpg"
    if not path.exists():
        image = enlarged("rocket.jpg", (side, side * 3 // 4), 3)
        image.save(path, "JPEG", quality=90)
    return path


def network(name: str) -> Path:
    """A model's folder with random weights: only its arithmetic matters."""
    made = network_files.make(name, FOLDER / "networks")
    folder = FOLDER / "models" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").unlink(missing_ok=True)
    (folder / "model.onnx").symlink_to(made.resolve())
    return folder


def latency(service: Service, photo: Photo, clients: int = 1) -> float:
    """The median, in milliseconds."""
    return load.closed(service.port, photo, clients, 1)["p50_ms"]


def throughput(service: Service, photo: Photo, clients: int) -> float:
    """Requests a second."""
    found = load.closed(service.port, photo, clients, 1)["per_s"]
    service.settle()
    return found


def sizes(service: Service) -> Points:
    """Of the photo."""
    ways = {
        "overlay as large as the photo": "",
        "overlay of 500 px": "?heatmap_size=500",
        "no overlay": "?heatmap=none",
    }
    return [
        (
            line,
            side * side * 0.75e-6,
            partial(latency, service, Photo("", sized(side), "image/jpeg", query)),
        )
        for side in SIDES
        for line, query in ways.items()
    ]


def classes(service: Service, small: Photo) -> Points:
    """Each with a map and a box."""
    return [
        (
            line,
            count,
            partial(
                latency, service, small._replace(query=f"?class=top&top={count}{more}")
            ),
        )
        for count in CLASSES
        for line, more in (("with an overlay", ""), ("without", "&heatmap=none"))
    ]


def clients(one: Service, two: Service, small: Photo) -> Points:
    """Requests a second with one core and two."""
    return [
        (line, count, partial(throughput, service, small, count))
        for count in CLIENTS
        for line, service in (("one core", one), ("two cores", two))
    ]


def networks(services: dict[str, Service], small: Photo) -> Points:
    """A bar each: x means nothing."""
    return [
        (name, 0, partial(latency, service, small))
        for name, service in services.items()
    ]


def run(points: Points, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Medians of the rounds, a line each."""
    found: dict[tuple[str, float], list[float]] = {}
    for _ in range(rounds):
        for line, x, measure in points:
            found.setdefault((line, x), []).append(measure())
    lines: dict[str, list[tuple[float, float]]] = {}
    for (line, x), values in found.items():
        lines.setdefault(line, []).append((x, statistics.median(values)))
    return lines


def draw(found: dict, folder: Path) -> None:
    """A figure a file."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "sizes": plot.lines(
            "Latency of a lone request, ms (median)",
            "million pixels of the JPEG",
            found["sizes"],
            log=True,
            log_x=True,
        ),
        "classes": plot.lines(
            "Latency of a lone request, ms (median)",
            "classes with a map and a box each, 500 x 375 JPEG",
            found["classes"],
        ),
        "clients": plot.lines(
            "Requests a second",
            "clients, each asking again at once, 500 x 375 JPEG",
            found["clients"],
            log_x=True,
        ),
        "networks": plot.bars(
            "Latency of a lone request, ms (median), by network",
            [(name, points[0][1]) for name, points in found["networks"].items()],
        ),
    }
    for name, text in figures.items():
        (folder / f"scaling-{name}.svg").write_text(text, encoding="utf-8")


def table(found: dict) -> str:
    """All points, as text."""
    rows = []
    for figure, lines in found.items():
        rows.append(figure)
        for line, points in lines.items():
            values = "  ".join(f"{x:g}: {y:.1f}" for x, y in points)
            rows.append(f"  {line:32} {values}")
    return "\n".join(rows)


def measure(model: Path, rounds: int) -> dict:
    """Services start one after another; all take turns."""
    small = photos(FOLDER / "photos")["small"]
    running: list[Service] = []

    def start(folder: Path, cores: int = 2) -> Service:
        running.append(Service("wherefore", folder, cores=cores))
        return running[-1]

    try:
        one, two = start(model, 1), start(model)
        others = {name: start(network(name)) for name in NETWORKS}
        return {
            "sizes": run(sizes(two), rounds),
            "classes": run(classes(two, small), rounds),
            "clients": run(clients(one, two, small), rounds),
            "networks": run(networks(others, small), rounds),
        }
    finally:
        for service in running:
            service.stop()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="bench/run scaling", description=__doc__)
    parser.add_argument(
        "--model", type=Path, default=ROOT / "models/efficientnet-lite0"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench-scaling.json")
    parser.add_argument(
        "--publish", action="store_true", help="the last run's plots to docs/images"
    )
    options = parser.parse_args()
    if options.publish:
        found = json.loads(options.json.read_text(encoding="utf-8"))
        draw(found, ROOT / "docs/images")
        return
    found = measure(options.model, options.rounds)
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))
    draw(found, FOLDER / "plots")


if __name__ == "__main__":
    main()
