"""Measures wherefore beside the services that a user would pick instead.

Prints tables and writes build/bench.json. Nothing here passes or fails: on a
busy machine only the ratios, taken in one run by turns, mean anything.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import statistics
import time
from pathlib import Path

import agree
import engines
import load
import measure
import report
from photos import Photo, photos
from services import KINDS, ROOT, Service

# (photo, clients), in the order of the tables.
CELLS = (
    ("small", 1),
    ("small", 8),
    ("small", 64),
    ("phone", 1),
    ("phone", 8),
    ("phone-full", 1),
    ("screen", 1),
    ("screen", 8),
)
QUICK_CELLS = CELLS[:2] + CELLS[3:4]
# What takes seconds a request would take most of the time.
SLOW_CELLS = CELLS[:4]
SLOW = ("torch",)
# All that draw class activation maps.
SERVICES = [name for name in KINDS if name != "captum"]
SHARES = (0.25, 0.5, 0.75, 0.9)  # of a capacity
PACKAGES = (
    *("fastapi", "uvicorn", "onnxruntime", "openvino", "litserve", "nncf", "torch"),
    *("grad-cam", "opencv-python-headless", "numpy", "ai-edge-litert"),
)


def rotated(items: list, by: int) -> list:
    """Another one begins each round."""
    by %= len(items)
    return items[by:] + items[:by]


def say(text: str) -> None:
    """What is being done."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


def measure_closed(
    services: list[Service],
    all_photos: dict[str, Photo],
    cells,
    rounds: int,
    seconds: float,
) -> list[dict]:
    """All cells, rounds times, the services by turns; medians of the rounds."""
    runs: dict[tuple, list[dict]] = {}
    for number in range(rounds):
        for photo, clients in cells:
            say(f"round {number + 1}: {photo}, {clients} clients")
            for service in rotated(services, number):
                if service.name in SLOW and (photo, clients) not in SLOW_CELLS:
                    continue
                found = load.closed(service.port, all_photos[photo], clients, seconds)
                service.settle()
                runs.setdefault((service.name, photo, clients), []).append(found)
    return [
        {
            "service": name,
            "photo": photo,
            "clients": clients,
            **{
                key: statistics.median(run[key] for run in found)
                for key in ("per_s", "p50_ms", "p90_ms", "p99_ms")
            },
            "failed": sum(run["failed"] for run in found),
            "rounds": [run["per_s"] for run in found],
        }
        for (name, photo, clients), found in runs.items()
    ]


def measure_open(
    services: list[Service], photo: Photo, closed: list[dict], seconds: float
) -> list[dict]:
    """Each at shares of its own capacity, and at those of the peer's that is
    compared with; a rate that a service has no capacity for is left out."""
    capacity = {
        row["service"]: row["per_s"]
        for row in closed
        if (row["photo"], row["clients"]) == ("small", 8)
    }
    common = capacity.get("onnx", min(capacity.values()))
    rows = []
    for share in SHARES:
        say(f"open loop: {share:.0%} of capacity")
        for service in services:
            own = capacity[service.name]
            rates = {"own": share * own}
            if share * common < own and service.name != "onnx":
                rates["common"] = share * common
            for kind, rate in rates.items():
                found = load.open_loop(service.port, photo, rate, seconds)
                service.settle()
                rows.append(
                    {"service": service.name, "kind": kind, "share": share, **found}
                )
                if service.name == "onnx":
                    rows.append({**rows[-1], "kind": "common"})
    return rows


def idle_shares(services: list[Service], seconds: float) -> dict[str, float]:
    """The share of a core that each takes with nothing to do."""
    before = [service.cpu_s() for service in services]
    time.sleep(seconds)
    return {
        service.name: (service.cpu_s() - start) / seconds
        for service, start in zip(services, before, strict=True)
    }


def versions() -> dict[str, str]:
    """Of the peers' packages that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict:
    """What the figures are about."""
    return {
        "cpu": measure.cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load_before": os.getloadavg()[0],
        "versions": versions(),
    }


def can_run(name: str, root: Path | None) -> bool:
    """Whether what a service needs is here."""
    needs = KINDS[name].needs
    if needs == "root":
        return root is not None
    return not needs or importlib.util.find_spec(needs) is not None


def start(names: list[str], model: Path, root: Path | None) -> list[Service]:
    """All of them, or none."""
    services: list[Service] = []
    try:
        for name in names:
            services.append(Service(name, model, root))
            say(f"{name} is ready")
    except BaseException:
        stop(services)
        raise
    return services


def stop(services: list[Service]) -> None:
    """One after another."""
    for service in services:
        service.stop()


def measure_services(options: argparse.Namespace, all_photos: dict[str, Photo]) -> dict:
    """Everything that needs services running."""
    names = options.services.split(",") if options.services else SERVICES
    here = [name for name in names if can_run(name, options.root)]
    for name in sorted(set(names) - set(here)):
        say(f"{name} is left out: {KINDS[name].needs} is missing")
    services = start(here, options.model, options.root)
    try:
        cells = QUICK_CELLS if options.quick else CELLS
        used = {name: all_photos[name] for name, _ in cells}
        agreement = agree.check(services, used)
        idle = idle_shares(services, 1.5)
        closed = measure_closed(
            services, all_photos, cells, options.rounds, options.seconds
        )
        opened = []
        if not options.quick:
            opened = measure_open(
                services, all_photos["small"], closed, options.open_seconds
            )
        return {
            "services": {
                service.name: {
                    "label": service.kind.label,
                    "ready_ms": service.ready_ms,
                    "resident_mb": service.resident_mb(),
                    "idle_share": idle[service.name],
                }
                for service in services
            },
            "photos": {
                name: {"label": photo.label, "bytes": photo.path.stat().st_size}
                for name, photo in used.items()
            },
            "agreement": agreement,
            "closed": closed,
            "open": opened,
        }
    finally:
        stop(services)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument(
        "--model", type=Path, default=ROOT / "models/efficientnet-lite0"
    )
    parser.add_argument(
        "--root", type=Path, help="a user land made by bench/trixie.sh"
    )
    parser.add_argument("--services", help=f"of {','.join(KINDS)}")
    parser.add_argument("--quick", action="store_true", help="under two minutes")
    parser.add_argument("--rounds", type=int, help="of the closed loop (default 3)")
    parser.add_argument("--seconds", type=float, default=2, help="of a measurement")
    parser.add_argument("--open-seconds", type=float, default=4)
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench.json")
    parser.add_argument(
        "--markdown", action="store_true", help="print the last run's tables instead"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="put the last run's tables and plots where they are published",
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    return options


def run(options: argparse.Namespace) -> dict:
    """Measures, one thing after another."""
    if not shutil.which("wrk"):
        raise SystemExit("bench: wrk is not installed: apt-get install wrk")
    began = time.monotonic()
    all_photos = photos(ROOT / "build/bench/photos")
    small = all_photos["small"].path
    result = {"machine": machine(), **measure_services(options, all_photos)}
    say("the engines alone")
    rounds = 6 if options.quick else 20
    result["engines"] = engines.measure(options.model, small, options.root, rounds, 10)
    say("stages, start and memory")
    result["stages"] = measure.measure_stages(options.model, small, 60 * rounds // 6)
    result["service"] = measure.measure_service(
        options.model, small.read_bytes(), 5, 50
    )
    result["minutes"] = (time.monotonic() - began) / 60
    return result


def main() -> None:
    """Run from the command line."""
    options = arguments()
    if options.markdown or options.publish:
        result = json.loads(options.json.read_text(encoding="utf-8"))
    else:
        result = run(options)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.publish:
        report.plots(result, ROOT / "docs/images")
        report.fill_in(result, ROOT / "bench/README.md")
    elif options.markdown:
        print(report.markdown(result))
    else:
        print(report.text(result))
        report.plots(result, ROOT / "build/bench/plots")


if __name__ == "__main__":
    main()
