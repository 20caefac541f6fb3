"""What docker/ and config/ say of the service is so: options that it has, files
that are there, and one number for one thing."""

import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from conftest import ROOT, WHEREFORE
from test_serve import clean

COMPOSE = ROOT / "docker" / "compose.yaml"
BASE = ROOT / "docker" / "kubernetes" / "base"
OVERLAY = BASE.with_name("overlay")
QUEUE = BASE.with_name("queue")
# What belongs to operators, of which Kubernetes knows nothing.
CUSTOM = {OVERLAY: {"ServiceMonitor"}, QUEUE: {"ScaledObject"}}
KUBECTL = Path(sys.executable).with_name("kubectl")
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


def test_an_instance_gets_the_time_that_its_end_may_take() -> None:
    """preStop, the longest wait in the queue, and the sending of replies."""
    prestop = pod()["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    help_text = subprocess.run(
        [WHEREFORE, "serve", "--help"], capture_output=True, text=True, check=True
    ).stdout
    help_text = " ".join(help_text.split())

    assert "(default: 10000; 1 to 3600000 milliseconds)" in help_text
    assert "(default: 20; 0 to 3600 seconds)" in help_text
    assert pod()["terminationGracePeriodSeconds"] >= prestop + 10 + 20
    for name in INSTANCES:
        assert int(compose()[name]["stop_grace_period"].rstrip("s")) > 10 + 20
    unit = (ROOT / "config" / "wherefore.service").read_text()
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)[1]) > 10 + 20


def built(folder: Path) -> dict[str, dict]:
    """What kustomize makes of a folder, by kind."""
    args = [KUBECTL, "kustomize", folder]
    done = subprocess.run(args, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    documents = list(yaml.safe_load_all(done.stdout))
    kinds = {it["kind"]: it for it in documents}
    assert len(kinds) == len(documents)
    return kinds


@pytest.mark.parametrize("folder", [BASE, OVERLAY, QUEUE], ids=lambda it: it.name)
def test_what_kustomize_makes_is_as_kubernetes_wants_it(folder: Path) -> None:
    """Strictly, for the oldest version that the docs name and today's."""
    kinds = built(folder)
    operator = CUSTOM.get(folder, set())

    assert len(kinds) >= 6
    for version in ("1.30", "1.37"):
        for kind in kinds.keys() - operator:
            kubernetes_validate.validate(kinds[kind], version, strict=True)
    assert operator <= kinds.keys()


def test_the_overlay_puts_everything_into_its_namespace_and_takes_its_image() -> None:
    kinds = built(OVERLAY)
    namespace = kinds.pop("Namespace")["metadata"]["name"]
    container = kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]

    assert {it["metadata"]["namespace"] for it in kinds.values()} == {namespace}
    assert container["image"] == "registry.example.org/wherefore:0.1.0"
    base = built(BASE)["HorizontalPodAutoscaler"]["spec"]
    patched = kinds["HorizontalPodAutoscaler"]["spec"]
    assert patched["maxReplicas"] > base["maxReplicas"]
    assert patched["metrics"] == base["metrics"]


def test_a_deployment_that_is_scaled_by_its_work_has_one_autoscaler() -> None:
    kinds = built(QUEUE)
    scaled = kinds["ScaledObject"]["spec"]
    deployment = kinds["Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]

    assert "HorizontalPodAutoscaler" not in kinds
    assert scaled["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    least, most = scaled["minReplicaCount"], scaled["maxReplicaCount"]
    assert least <= scaled["fallback"]["replicas"] <= most
    result = check({it["name"]: it["value"] for it in container["env"]})
    assert (result.returncode, result.stderr) == (0, "")


def test_what_is_to_find_the_pods_finds_them() -> None:
    """By labels, names of ports, and of the Deployment."""
    kinds = built(OVERLAY)
    spec = {kind: it.get("spec") for kind, it in kinds.items()}
    template = spec["Deployment"]["template"]
    labels = template["metadata"]["labels"]
    ports = {it["name"] for it in template["spec"]["containers"][0]["ports"]}
    chosen = [
        spec["Deployment"]["selector"]["matchLabels"],
        spec["Service"]["selector"],
        spec["PodDisruptionBudget"]["selector"]["matchLabels"],
        spec["NetworkPolicy"]["podSelector"]["matchLabels"],
        *(
            it["labelSelector"]["matchLabels"]
            for it in template["spec"]["topologySpreadConstraints"]
        ),
    ]

    for it in chosen:
        assert it and it.items() <= labels.items()
    monitored = spec["ServiceMonitor"]["selector"]["matchLabels"]
    assert monitored.items() <= kinds["Service"]["metadata"]["labels"].items()
    named = [spec["Service"]["ports"][0]["targetPort"]]
    named += [it["port"] for it in spec["NetworkPolicy"]["ingress"][0]["ports"]]
    assert set(named) <= ports
    backend = spec["Ingress"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    served = {it["name"] for it in spec["Service"]["ports"]}
    assert {
        backend["port"]["name"],
        spec["ServiceMonitor"]["endpoints"][0]["port"],
    } <= (served)
    assert backend["name"] == kinds["Service"]["metadata"]["name"]
    target = spec["HorizontalPodAutoscaler"]["scaleTargetRef"]
    assert target["name"] == kinds["Deployment"]["metadata"]["name"]


def test_prometheus_knows_the_cluster_s_pods_by_the_alerts_job() -> None:
    """The operator calls a job as the service is called."""
    alerts = (ROOT / "config" / "prometheus-alerts.yml").read_text()

    assert built(OVERLAY)["Service"]["metadata"]["name"] == "wherefore"
    assert 'job="wherefore"' in alerts


@pytest.mark.parametrize("kind", ["serving-runtime", "inference-service"])
def test_the_service_takes_the_variables_of_kserve(kind: str) -> None:
    text = (BASE.with_name("kserve") / f"{kind}.yaml").read_text()
    spec = yaml.safe_load(text)["spec"]
    [container] = (spec if kind == "serving-runtime" else spec["explainer"])[
        "containers"
    ]
    assert container["args"] == ["serve"]
    result = check({it["name"]: it["value"] for it in container["env"]})
    assert (result.returncode, result.stderr) == (0, "")
