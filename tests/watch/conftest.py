"""Debian's Prometheus with docker/watch's configuration, over two instances."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests"))
import common  # noqa: E402

ALERTS = ROOT / "config" / "prometheus-alerts.yml"
DASHBOARD = ROOT / "config" / "grafana-dashboard.json"
CONFIG = ROOT / "docker" / "watch" / "prometheus.yml"
BIN = ROOT / "build" / "prometheus" / "usr" / "bin"
PROMETHEUS, PROMTOOL = (
    shutil.which(name) or shutil.which(BIN / name)
    for name in ("prometheus", "promtool")
)
# Prometheus asks, and looks at its rules, every 5 s.
SOON = 40


http = common.conftest_of("http")
eventually = functools.partial(common.eventually, patience=SOON, pause=0.2)


def promtool(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
    """What it says, on either stream, and with which status."""
    return subprocess.run(
        [PROMTOOL, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@dataclasses.dataclass
class Prometheus:
    """A running one."""

    url: str
    num_targets: int

    def ask(self, path: str, **params: str) -> object:
        """The data of an answer of /api/v1."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=30)
        body = answer.json()
        assert body["status"] == "success", (params, body)
        assert not body.get("warnings"), (params, body)
        return body["data"]

    def query(self, expression: str) -> list[dict]:
        """The series of an expression now, each with its labels and value."""
        data = self.ask("query", query=expression)
        assert data["resultType"] == "vector", expression
        return [
            {"labels": it["metric"], "value": float(it["value"][1])}
            for it in data["result"]
        ]

    def by(self, label: str, expression: str) -> dict[str, float]:
        """Its values by one label, which no two may share."""
        rows = self.query(expression)
        values = {it["labels"][label]: it["value"] for it in rows}
        assert len(values) == len(rows), rows
        return values

    def alerts(self, name: str) -> dict[str, str]:
        """The state of an alert by instance: pending or firing."""
        return {
            it["labels"].get("instance", ""): it["state"]
            for it in self.ask("alerts")["alerts"]
            if it["labels"]["alertname"] == name
        }

    def scrapes(self) -> int:
        """How often the target asked least has been asked in five minutes."""
        rows = self.query("count_over_time(up[5m])")
        counts = [int(it["value"]) for it in rows]
        return min(counts) if len(counts) == self.num_targets else 0

    def wait_for_scrapes(self, count: int) -> None:
        """Until each target has been asked that many times more."""
        goal = self.scrapes() + count
        eventually(lambda: self.scrapes() >= goal)


def fit(text: str, targets: list[str]) -> str:
    """The file with the addresses of a test. What it replaces must be there."""
    changes = {
        '"one:8080", "two:8080"': ", ".join(f'"{it}"' for it in targets),
        "/etc/prometheus/alerts.yml": str(ALERTS),
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def watching(targets: list[str]) -> Iterator[Prometheus]:
    """Prometheus over these, with docker/watch's file."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "prometheus.yml").write_text(fit(CONFIG.read_text(), targets))
        log = folder / "log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [
                    PROMETHEUS,
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    "--web.listen-address=127.0.0.1:0",
                ],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

        def address() -> str | None:
            assert process.poll() is None, log.read_text()
            said = re.search(r"Listening on.* address=(\S+)", log.read_text())
            return said and said[1]

        try:
            url = f"http://{eventually(address)}"
            eventually(lambda: httpx.get(url + "/-/ready").status_code == 200)
            yield Prometheus(url, len(targets))
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="session", autouse=True)
def _prometheus_is_there() -> None:
    if PROMETHEUS is None or PROMTOOL is None:
        pytest.skip("there is no prometheus, and apt has none")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model's folder of the second instance's own, to be broken."""
    folder = tmp_path_factory.mktemp("models") / "mine"
    shutil.copytree(http.MODEL, folder)
    spec = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(spec | {"name": "mine"}))
    return folder


@pytest.fixture(scope="session")
def instances(model: pathlib.Path) -> Iterator[list[object]]:
    """Two instances; the second one has the model that may be broken."""
    with (
        http.running("--workers", "1") as one,
        http.running("--workers", "1", "--model", str(model)) as two,
    ):
        yield [one, two]
