"""config/wherefore.service and config/wherefore.socket under a real systemd:
start, reload, stop, the socket, crashes, the watchdog, and what is forbidden."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import Future

import httpx
import pytest
from conftest import CONFIG, URL, Machine, eventually, large_picture

UNIT = "/etc/systemd/system/wherefore.service"
FILE = "/etc/wherefore/wherefore.ini"
RESTARTS = 8
EXPOSURE = 1.4  # docs/operations.md says so


def test_systemd_has_nothing_to_say_of_the_units(machine: Machine) -> None:
    """Keys, values, and the program that is named."""
    done = machine.run(
        "systemd-analyze", "verify", UNIT, UNIT.replace("service", "socket")
    )

    assert done.stdout == ""


def test_the_service_is_as_little_exposed_as_the_docs_say(machine: Machine) -> None:
    """By systemd's own reckoning: 0 is best, 10 worst."""
    args = ("security", "--offline=yes", "--no-pager", UNIT)
    said = machine.run("systemd-analyze", *args).stdout
    found = re.search(r"exposure level for wherefore\.service: ([0-9.]+)", said)

    assert float(found[1]) <= EXPOSURE


def test_it_serves_as_soon_as_start_returns(machine: Machine) -> None:
    """`Type=notify`; under a user of its own, without a single capability."""
    machine.systemctl("start", "wherefore")
    try:
        assert machine.get("/readyz").status_code == 200
        assert machine.show("ActiveState") == "active"
        assert machine.show("StatusText") == f"serving on {URL}"
        answer = machine.cam().result()
        assert answer.status_code == 200 and answer.json()["class"] == 285
        process = machine.status_of_process()
        assert int(process["Uid"].split()[0]) >= 61184  # DynamicUser
        for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(process[name], 16) == 0
        assert process["NoNewPrivs"] == "1"
        assert process["Seccomp"] == "2"
        limits = machine.run("cat", f"/proc/{machine.show('MainPID')}/limits").stdout
        assert re.search(r"Max open files +4096 +4096", limits)
        assert re.search(r"Max core file size +0 +0", limits)
    finally:
        machine.systemctl("stop", "wherefore")
    assert machine.show("ActiveState") == "inactive"


def test_reload_reads_models_anew_in_the_same_process(service: Machine) -> None:
    """And systemd knows when it is done."""
    pid = service.show("MainPID")
    service.systemctl("reload", "wherefore")

    def generation() -> int:
        return service.get("/models").json()["models"][0]["generation"]

    eventually(lambda: generation() == 2)
    assert service.show("MainPID") == pid
    eventually(lambda: service.show("SubState") == "running")


def test_stop_answers_what_was_accepted(service: Machine) -> None:
    """None is left without its picture, and systemd calls it a success."""
    picture = large_picture()
    large = {"heatmap": "map", "heatmap_size": "4096"}
    answers: list[Future] = [service.cam(picture, params=large) for _ in range(15)]

    def all_are_in() -> bool:
        """Answered, in a worker's hands or in the queue; and some of those."""
        rows = [it.split() for it in service.get("/metrics").text.splitlines()]
        value = {it[0]: float(it[1]) for it in rows if len(it) == 2}
        waiting = value["wherefore_busy_workers"] + value["wherefore_queue_length"]
        done = value.get('wherefore_requests_total{route="/cam",status="200"}', 0)
        return waiting >= 4 and done + waiting == 15

    eventually(all_are_in)
    service.systemctl("stop", "wherefore")

    assert [it.result().status_code for it in answers] == [200] * 15
    assert service.show("Result") == "success"
    assert service.show("ExecMainStatus") == "0"


def test_a_crash_is_over_in_seconds(service: Machine) -> None:
    """`Restart=on-failure`."""
    pid = service.show("MainPID")
    service.signal("SEGV", pid)
    eventually(lambda: service.show("NRestarts") == "1")
    eventually(lambda: service.show("ActiveState") == "active")

    assert service.show("MainPID") != pid
    assert service.get("/readyz").status_code == 200


def test_a_process_that_hangs_is_started_anew(machine: Machine) -> None:
    """`WatchdogSec`; here of five seconds, so that the test need not wait for 30."""
    with machine.with_lines("WatchdogSec=5"):
        machine.systemctl("start", "wherefore")
        pid = machine.show("MainPID")
        time.sleep(8)  # it is told in time that all is well
        assert machine.show("MainPID") == pid
        before = time.monotonic()
        machine.signal("STOP", pid)
        eventually(lambda: machine.show("NRestarts") == "1")
        took = time.monotonic() - before
        eventually(lambda: machine.show("ActiveState") == "active")

        assert machine.show("MainPID") != pid
        assert took < 25
        assert "Watchdog timeout" in machine.log()
        assert machine.get("/readyz").status_code == 200


def test_a_file_that_is_wrong_is_told_once(machine: Machine) -> None:
    """Exit status 2: to try again would not mend it."""
    text = machine.run("cat", FILE).stdout
    machine.run("tee", FILE, input="[work]\nwrokers = 2\n")
    try:
        start = machine.run("systemctl", "start", "wherefore", check=False)
        time.sleep(3)  # RestartSec is one

        assert start.returncode == 1
        assert machine.show("ActiveState") == "failed"
        assert machine.show("ExecMainStatus") == "2"
        assert machine.show("NRestarts") == "0"
        assert (
            f'{FILE}:2: unknown key "wrokers"; did you mean workers?' in machine.log()
        )
    finally:
        machine.run("tee", FILE, input=text)
        machine.systemctl("reset-failed", "wherefore")


def test_the_first_request_starts_the_service(machine: Machine) -> None:
    """With wherefore.socket, on a port that the service may not open itself."""
    with machine.with_lines(
        "ListenStream=", "ListenStream=127.0.0.1:80", unit="wherefore.socket"
    ):
        machine.systemctl("start", "wherefore.socket")
        assert machine.show("ActiveState") == "inactive"
        answer = machine.get("/readyz", url="http://127.0.0.1:80")

        assert answer.status_code == 200
        machine.wait_to_show("StatusText", "serving on http://127.0.0.1:80")
        assert int(machine.status_of_process()["CapEff"], 16) == 0


def test_with_the_socket_nobody_is_refused_during_a_restart(machine: Machine) -> None:
    """Whoever comes meanwhile waits in systemd's queue."""
    machine.systemctl("start", "wherefore.socket")
    answers: list[object] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = machine.cam(params={"heatmap": "none"}).result()
                answers.append(answer.status_code)
            except httpx.HTTPError as error:
                answers.append(error)

    def wait_for_more() -> None:
        goal = len(answers) + 10
        eventually(lambda: len(answers) > goal)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    try:
        eventually(lambda: machine.get("/readyz").status_code == 200)
        for client in clients:
            client.start()
        for _ in range(RESTARTS):
            wait_for_more()
            pid = machine.show("MainPID")
            machine.systemctl("restart", "wherefore")
            machine.systemctl("reset-failed", "wherefore")  # five in 10 s are enough
            assert machine.show("MainPID") != pid
        wait_for_more()
    finally:
        stop.set()
        for client in clients:
            client.join()
        machine.systemctl("stop", "wherefore.socket", "wherefore.service")

    assert len(answers) > 10 * RESTARTS
    assert [it for it in answers if it != 200] == []


@pytest.fixture(scope="module")
def probed(machine: Machine) -> dict:
    """What tests/systemd/probe.py says under the unit."""
    text = (CONFIG / "wherefore.service").read_text()
    for old, new in (
        (r"^Type=notify$", "Type=oneshot"),
        (r"^ExecStart=.*$", "ExecStart=/usr/bin/python3 -I /usr/local/bin/probe.py"),
        (
            r"^(ExecReload|Restart|RestartSec|RestartPreventExitStatus|WatchdogSec)=.*$",
            "",
        ),
    ):
        text, count = re.subn(old, new, text, flags=re.M)
        assert count >= 1, old
    machine.run("tee", "/run/systemd/system/probe.service", input=text)
    machine.run("touch", "/tmp/of-somebody-else")
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "probe")
    (line,) = [it for it in machine.log("probe").splitlines() if it.startswith("{")]
    return json.loads(line)


def test_what_the_unit_forbids_cannot_be_done(probed: dict) -> None:
    """Whatever would run in the service's place."""
    done = [name for name, error in probed["forbidden"].items() if error == "done"]

    assert done == []
    assert len(probed["forbidden"]) > 20
    assert set(probed["granted"].values()) == {"done"}


def test_the_service_has_a_tmp_of_its_own_and_few_devices(probed: dict) -> None:
    """None of a disk, of memory, or of a terminal."""
    assert "of-somebody-else" not in probed["tmp"]
    assert not {"mem", "kmsg", "vda", "sda", "console"} & set(probed["dev"])
    assert {"null", "urandom"} <= set(probed["dev"])
