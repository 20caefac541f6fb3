"""What docker/ and config/ say of the service is so: options that it has, files
that are there, and one number for one thing."""

import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, WHEREFORE
from test_serve import clean

COMPOSE = ROOT / "docker" / "compose.yaml"
BASE = ROOT / "docker" / "kubernetes" / "base"
INSTANCES = ("one", "two")


def compose() -> dict:
    """The services."""
    return yaml.safe_load(COMPOSE.read_text())["services"]


def pod() -> dict:
    """The pod of the Deployment."""
    text = (BASE / "deployment.yaml").read_text()
    return yaml.safe_load(text)["spec"]["template"]["spec"]


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What the service says to these variables."""
    return subprocess.run(
        [WHEREFORE, "serve", "--check-config"],
        env=clean(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", INSTANCES)
def test_the_service_takes_the_variables_of_compose(name: str) -> None:
    result = check(compose()[name]["environment"])
    assert (result.returncode, result.stderr) == (0, "")


def test_the_service_takes_the_variables_of_kubernetes() -> None:
    variables = {it["name"]: it["value"] for it in pod()["containers"][0]["env"]}
    result = check(variables)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_files_that_compose_mounts_are_there() -> None:
    mounts = [
        volume.split(":")[0]
        for service in compose().values()
        for volume in service.get("volumes", [])
    ]
    files = [it for it in mounts if it.startswith(".")]

    assert len(files) >= 4
    for name in files:
        assert (COMPOSE.parent / name).is_file(), name


def test_compose_fits_the_proxys_file_to_its_instances() -> None:
    """What is replaced in config/nginx.conf is in it."""
    proxy = compose()["proxy"]
    text = (ROOT / "config" / "nginx.conf").read_text().split("\nupstream ", 1)[1]

    for name, old in zip(INSTANCES, ("127.0.0.1:8081", "127.0.0.1:8082"), strict=True):
        assert f"s/{old}/{name}:8080/" in proxy["command"][-1]
        assert text.count(old) == 1
    assert "/var/log/nginx/wherefore.log" in text
    assert set(proxy["depends_on"]) == set(INSTANCES)


@pytest.mark.parametrize("folder", sorted(BASE.parent.iterdir()))
def test_kustomize_has_each_file_of_its_folder(folder: Path) -> None:
    book = yaml.safe_load((folder / "kustomization.yaml").read_text())
    named = {it for it in book["resources"] if it.endswith(".yaml")}
    named |= {it["path"] for it in book.get("patches", [])}

    assert named == {it.name for it in folder.glob("*.yaml")} - {"kustomization.yaml"}


def test_a_pod_gets_the_time_that_its_end_may_take() -> None:
    """preStop, the longest wait in the queue, and the sending of replies."""
    prestop = pod()["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    help_text = subprocess.run(
        [WHEREFORE, "serve", "--help"], capture_output=True, text=True, check=True
    ).stdout

    assert "(default 10000; 1 to 3600000 milliseconds)" in help_text
    assert "(default 20; 0 to 3600 seconds)" in help_text
    assert pod()["terminationGracePeriodSeconds"] >= prestop + 10 + 20
