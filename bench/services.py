"""The services that are compared: how each is started, watched and stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build/bench/venv/bin"
PEERS = ROOT / "bench/peers"
TICKS = os.sysconf("SC_CLK_TCK")
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10
SETTLE_TIMEOUT_S = 20


class Kind(NamedTuple):
    """A row of the table: its command, with {port}, {model} and {root}."""

    label: str
    command: str
    needs: str = ""  # a Python package, or "root"


UVICORN = (
    "{bin}/uvicorn --host 127.0.0.1 --port {port} --loop uvloop --http httptools "
    "--no-access-log --log-level warning"
)
# Private mounts, so that nothing stays mounted.
CHROOT = "unshare --mount sh {peers}/chroot.sh {root} /src/build/wherefore"
SERVE = " serve --listen 127.0.0.1:{port} --model {model} --workers {workers} --log-format none"
KINDS = {
    "wherefore": Kind("wherefore fp32", "{program}" + SERVE),
    "wherefore-13": Kind("wherefore fp32, Debian 13", CHROOT + SERVE, "root"),
    "wherefore-int8": Kind("wherefore int8", "{program}" + SERVE + " --precision int8"),
    "onnx": Kind("FastAPI + ONNX Runtime", UVICORN + " fastapi_onnx:app", "onnxruntime"),
    "openvino": Kind(
        "LitServe + OpenVINO", "{bin}/python litserve_openvino.py {port}", "openvino"
    ),
    "torch": Kind(
        "FastAPI + PyTorch + grad-cam", UVICORN + " fastapi_torch:app", "torch"
    ),
    "captum": Kind(
        "FastAPI + PyTorch + Captum", UVICORN + " fastapi_captum:app", "captum"
    ),
}


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def proportional_kb(pid: int) -> int:
    """Resident memory of a process; what is shared counts in parts."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return int(next(row for row in rows if row.startswith("Pss:")).split()[1])


class Service:
    """A running one."""

    def __init__(
        self, name: str, model: Path, root: Path | None = None, cores: int = 2
    ) -> None:
        """On as many cores as there are workers."""
        self.name, self.kind = name, KINDS[name]
        self.port = free_port()
        chrooted = self.kind.needs == "root"
        command = self.kind.command.format(
            bin=BIN,
            peers=PEERS,
            port=self.port,
            program=ROOT / "build/wherefore",
            model=f"/src/models/{model.name}" if chrooted else model,
            root=root,
            workers=cores,
        )
        if cores == 1:
            command = f"taskset -c 0 {command}"
        environment = {
            **os.environ,
            "BENCH_MODEL": str(model),
            "PYTHONPATH": str(PEERS),
            "PYTHONWARNINGS": "ignore",
        }
        # On some machines these are set for old libraries, and slow new ones.
        for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(variable, None)
        log = ROOT / f"build/bench/{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            start = time.perf_counter()
            self.process = subprocess.Popen(
                command.split(),
                cwd=PEERS,
                env=environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.log = log
        self.wait_ready(start)

    def request(self, method: str, target: str, body=None, media="") -> tuple:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, {"Content-Type": media})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def wait_ready(self, start: float) -> None:
        """Until GET /readyz says 200."""
        while time.perf_counter() - start < START_TIMEOUT_S:
            if self.process.poll() is not None:
                break
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    self.ready_ms = (time.perf_counter() - start) * 1e3
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.001)
        self.stop()
        raise SystemExit(f"bench: {self.name} does not start: {self.log}")

    def cpu_s(self) -> float:
        """The processor's time that it has had."""
        total = 0
        for pid in tree(self.process.pid):
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
            except OSError:
                continue
            total += sum(int(x) for x in fields.split()[11:13])
        return total / TICKS

    def settle(self) -> None:
        """Until it has worked off what clients that left had asked for."""
        end = time.perf_counter() + SETTLE_TIMEOUT_S
        before = self.cpu_s()
        while time.perf_counter() < end:
            time.sleep(0.06)
            now = self.cpu_s()
            if now - before < 0.02:
                return
            before = now

    def resident_mb(self) -> float:
        """Of all its processes, in units of 1,000,000 bytes."""
        return sum(proportional_kb(pid) for pid in tree(self.process.pid)) * 1024 / 1e6

    def stop(self) -> None:
        """Asks it to end, then ends it: all of its own session."""
        pids = tree(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in pids[1:]:
            try:
                if os.getsid(pid) == self.process.pid:
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
