"""promtool, which is Prometheus' own, on the configuration, the alerts and their
unit tests in alerts.yml, and on /metrics."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from conftest import ALERTS, CONFIG, ROOT, fit, promtool

UNIT_TESTS = pathlib.Path(__file__).with_name("alerts.yml")
OPERATIONS = ROOT / "docs" / "operations.md"
NAMES = [it["alert"] for it in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]]
WAITING = [
    rule["alert"]
    for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    if "for" in rule
]


def unit_tests(folder: pathlib.Path, name: str, **changes: object) -> tuple[int, str]:
    """Those of alerts.yml, with one alert changed; status, and what was said."""
    rules = yaml.safe_load(ALERTS.read_text())
    for rule in rules["groups"][0]["rules"]:
        if rule["alert"] == name:
            rule |= changes
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    text = UNIT_TESTS.read_text()
    old = "../../config/prometheus-alerts.yml"
    assert text.count(f"[{old}]") == 1
    (folder / "tests.yml").write_text(text.replace(f"[{old}]", "[rules.yml]"))
    done = promtool("test", "rules", folder / "tests.yml")
    return done.returncode, done.stdout


def test_the_configuration_is_as_prometheus_wants_it(tmp_path: pathlib.Path) -> None:
    """With the rules that it names."""
    file = tmp_path / "prometheus.yml"
    file.write_text(fit(CONFIG.read_text(), ["one:8080", "two:8080"]))
    done = promtool("check", "config", file)

    assert done.returncode == 0, done.stdout
    assert f"SUCCESS: {len(NAMES)} rules found" in done.stdout


def test_the_rules_are_as_prometheus_wants_them() -> None:
    """And none twice."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)

    assert done.returncode == 0, done.stdout
    assert len(set(NAMES)) == len(NAMES)


def test_alerts_fire_when_they_should_and_not_otherwise() -> None:
    """As alerts.yml has it."""
    done = promtool("test", "rules", UNIT_TESTS)

    assert done.returncode == 0, done.stdout
    assert "SUCCESS" in done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_no_alert_can_be_mute_or_cry_always_without_a_test_that_fails(
    tmp_path: pathlib.Path, name: str
) -> None:
    """The unit tests have both for each of them."""
    for expression in ("vector(0) > 1", "vector(1)"):
        status, said = unit_tests(tmp_path, name, expr=expression)
        assert status == 1 and name in said, said


@pytest.mark.parametrize("name", WAITING)
def test_no_alert_can_be_hasty_without_a_test_that_fails(
    tmp_path: pathlib.Path, name: str
) -> None:
    """The time that something has to last is tested too."""
    status, said = unit_tests(tmp_path, name, **{"for": "0s"})

    assert status == 1 and name in said, said


def test_promtool_has_nothing_to_say_of_the_metrics(instances: list[object]) -> None:
    """Names, units, types and help, with all that a request brings."""
    instances[0].cam()
    instances[0].get("/nowhere")
    done = promtool("check", "metrics", input=instances[0].get("/metrics").text)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_docs_say_what_to_do_about_each_alert() -> None:
    """And about none that is not there."""
    section = OPERATIONS.read_text().split("\n## Alerts\n")[1].split("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.M) == NAMES
