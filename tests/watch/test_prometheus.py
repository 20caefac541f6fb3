"""A real Prometheus asks two real instances: what it has seen, the dashboard's
and the alerts' expressions, and alerts that come about."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import signal
from collections.abc import Iterator

import pytest
import yaml
from conftest import ALERTS, DASHBOARD, ROOT, Prometheus, eventually, watching

STAGES = ("queue", "decode", "preprocess", "infer", "render")
RULES = [
    rule
    for group in yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]
]
SCALED = ROOT / "docker" / "kubernetes" / "queue" / "scaled-object.yaml"
PANELS = json.loads(DASHBOARD.read_text())["panels"]
VARIABLES = json.loads(DASHBOARD.read_text())["templating"]["list"]
# Of PromQL, where a name without brackets may stand.
WORDS = {"and", "by", "group_left", "ignoring", "on", "or", "unless", "without"}


@dataclasses.dataclass
class Watched:
    """What was asked of the two, and what watches them."""

    prometheus: Prometheus
    names: list[str]  # the instances, as Prometheus calls them
    pictures: dict[str, int]
    strangers: dict[str, int]  # requests for a path that is none
    refused: dict[str, int]
    timings: list[dict[str, float]]  # `timing_ms` of the answers
    slowest: float  # seconds that a client waited

    def ask(self, server: object, name: str, pictures: int) -> None:
        """Asks an instance for all that is counted here."""
        for _ in range(pictures):
            answer = server.cam(params={"heatmap": "none"})
            self.timings.append(answer.json()["timing_ms"])
            self.slowest = max(self.slowest, answer.elapsed.total_seconds())
        self.pictures[name] += pictures
        assert server.get("/nowhere").status_code == 404
        self.strangers[name] += 1
        # Without a picture, which it would not read to the end.
        with server.client() as client:
            answer = client.post("/cam", params=[("top", "1")] * 100)
        assert answer.status_code == 413
        self.refused[name] += 1


@pytest.fixture(scope="session")
def watched(instances: list[object]) -> Iterator[Watched]:
    """Asked for pictures twice, with Prometheus looking before, between, after."""
    names = [it.url.removeprefix("http://") for it in instances]
    none = dict.fromkeys(names, 0)
    with watching(names) as prometheus:
        it = Watched(prometheus, names, {**none}, {**none}, {**none}, [], 0)
        for count in (4, 6):
            prometheus.wait_for_scrapes(1)
            for more, (server, name) in enumerate(zip(instances, names, strict=True)):
                it.ask(server, name, count + more)
        prometheus.wait_for_scrapes(2)
        yield it


def fill_in(expression: str, names: list[str]) -> str:
    """What Grafana puts for its variables, all instances being chosen."""
    chosen = "|".join(re.escape(it) for it in names).replace("\\", "\\\\")
    for variable, value in (
        ("$instance", f"({chosen})"),
        ("$job", "wherefore"),
        ("$__rate_interval", "1m"),
    ):
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def selectors(expression: str) -> list[tuple[str, list[str]]]:
    """The metrics of an expression, each with the labels it is selected by."""
    strings = re.sub(r'"(\\.|[^"\\])*"', '""', expression)
    bare = re.sub(r"\b(by|on|group_left|ignoring|without) *\([^)]*\)", " ", strings)
    bare = re.sub(r"\[[^]]*\]", " ", bare)
    found = re.findall(r"\b([a-z_:][a-z0-9_:]*)\b(?! *\()(?:\{([^}]*)\})?", bare)
    labels = re.compile(r"([a-z_]+) *(?:=~|!~|!=|=)")
    # What stands in braces is not a metric.
    inner = {label for _, group in found for label in labels.findall(group)}
    return [
        (name, labels.findall(group))
        for name, group in found
        if name not in WORDS and name not in inner
    ]


def test_both_instances_are_asked(watched: Watched) -> None:
    """Every 5 s, in the format that Prometheus likes best."""
    targets = watched.prometheus.ask("targets")["activeTargets"]

    assert {it["labels"]["instance"] for it in targets} == set(watched.names)
    for target in targets:
        assert (target["health"], target["lastError"]) == ("up", "")
        assert target["labels"]["job"] == "wherefore"
        assert target["scrapeInterval"] == "5s"
        assert target["lastScrapeDuration"] < 5


def test_requests_are_counted_by_route_and_status(watched: Watched) -> None:
    """As many as were sent, of each instance."""
    for route, status, sent in (
        ("/cam", "200", watched.pictures),
        ("/cam", "413", watched.refused),
        ("other", "404", watched.strangers),
    ):
        select = f'wherefore_requests_total{{route="{route}",status="{status}"}}'
        assert watched.prometheus.by("instance", select) == sent
    select = 'wherefore_rejected_total{reason="form_fields"}'
    assert watched.prometheus.by("instance", select) == watched.refused


def test_rates_are_those_of_what_was_sent(watched: Watched) -> None:
    """What came since the first look, which `increase` guesses at the edges of."""
    for name in watched.names:
        select = f'wherefore_stage_seconds_count{{stage="total",instance="{name}"}}'
        (row,) = watched.prometheus.query(f"increase({select}[5m])")
        sent = watched.pictures[name]
        assert 0.9 * sent <= row["value"] <= 1.6 * sent


def test_quantiles_lie_within_what_clients_waited(watched: Watched) -> None:
    """Up to the next bound of a bucket."""
    buckets = 'wherefore_stage_seconds_bucket{stage="total"}'
    bounds = watched.prometheus.by("le", f"sum by (le) ({buckets})")
    above = min(float(le) for le in bounds if float(le) >= watched.slowest)
    last = 0.0
    for quantile in (0.5, 0.95, 0.99):
        (row,) = watched.prometheus.query(
            f"histogram_quantile({quantile}, sum by (le) (rate({buckets}[5m])))"
        )
        assert last <= row["value"] <= above
        assert row["value"] > 0
        last = row["value"]
    assert bounds["+Inf"] == sum(watched.pictures.values())


def test_stages_sum_up_to_what_the_answers_say(watched: Watched) -> None:
    """`timing_ms` has them rounded to 10 microseconds, say."""
    seconds = watched.prometheus.by(
        "stage", "sum by (stage) (wherefore_stage_seconds_sum)"
    )
    count = len(watched.timings)

    for stage in STAGES:
        told = sum(it[stage] for it in watched.timings) / 1000
        assert seconds[stage] == pytest.approx(told, abs=count * 1e-5, rel=0.01), stage
    assert seconds["total"] >= sum(seconds[it] for it in STAGES)


@pytest.mark.parametrize("panel", PANELS, ids=lambda it: it["title"])
def test_each_panel_shows_something(watched: Watched, panel: dict) -> None:
    """With numbers that can be drawn, over time as Grafana asks for them."""
    for target in panel["targets"]:
        expression = fill_in(target["expr"], watched.names)
        rows = watched.prometheus.query(expression)
        assert rows, expression
        assert all(math.isfinite(it["value"]) for it in rows), expression
        (end,) = watched.prometheus.query("vector(time())")
        data = watched.prometheus.ask(
            "query_range",
            query=expression,
            start=str(end["value"] - 60),
            end=str(end["value"]),
            step="5",
        )
        assert data["resultType"] == "matrix" and data["result"], expression


@pytest.mark.parametrize(
    "panel",
    [it for it in PANELS if it["type"] == "timeseries"],
    ids=lambda it: it["title"],
)
def test_no_two_lines_of_a_panel_have_one_name(watched: Watched, panel: dict) -> None:
    """Of both instances, as in the legend."""
    names = []
    for target in panel["targets"]:
        for row in watched.prometheus.query(fill_in(target["expr"], watched.names)):
            labels = row["labels"]
            format_ = target["legendFormat"]
            names.append(re.sub(r"{{(\w+)}}", lambda it: labels[it[1]], format_))  # noqa: B023

    assert len(names) == len(set(names)), names


@pytest.mark.parametrize(
    "variable",
    [it for it in VARIABLES if it["type"] == "query"],
    ids=lambda it: it["name"],
)
def test_the_variables_have_values(watched: Watched, variable: dict) -> None:
    """`label_values(SELECTOR, LABEL)` is Grafana's; Prometheus is asked for this."""
    pattern = r"label_values\((.+), (\w+)\)"
    selector, label = re.fullmatch(pattern, variable["query"]["query"]).groups()
    values = watched.prometheus.ask(
        f"label/{label}/values", **{"match[]": fill_in(selector, watched.names)}
    )

    expected = {"job": ["wherefore"], "instance": sorted(watched.names)}
    assert sorted(values) == expected[variable["name"]]


EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + [
    (panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]
]


@pytest.mark.parametrize(
    "expression", [it[1] for it in EXPRESSIONS], ids=[it[0] for it in EXPRESSIONS]
)
def test_expressions_name_what_there_is(watched: Watched, expression: str) -> None:
    """Every metric has series, with every label that it is selected by."""
    found = selectors(fill_in(expression, watched.names))

    assert found
    for name, labels in found:
        present = "".join(f',{label}!=""' for label in labels)
        assert watched.prometheus.query(f"{name}{{{present.strip(',')}}}"), name


def test_the_autoscaler_s_query_is_the_work_in_the_service(watched: Watched) -> None:
    """That of docker/kubernetes/queue: here nothing waits, and a minute had less than
    all that was done."""
    [trigger] = yaml.safe_load(SCALED.read_text())["spec"]["triggers"]
    expression = trigger["metadata"]["query"]
    done = sum(sum(timing[it] for it in STAGES[1:]) for timing in watched.timings)

    (row,) = watched.prometheus.query(expression)
    assert row["labels"] == {}
    assert 0 <= row["value"] <= 2 * done / 1000 / 60
    for name, labels in selectors(expression):
        select = f"count({name})"
        assert watched.prometheus.query(select), name
        assert "job" in labels


def test_the_rules_are_loaded_and_well(watched: Watched) -> None:
    """All, without an error at any time, and nobody is called."""

    def rules() -> list[dict]:
        groups = watched.prometheus.ask("rules", type="alert")["groups"]
        found = [rule for group in groups for rule in group["rules"]]
        seen = all(it["health"] != "unknown" for it in found)
        return found if seen else []

    loaded = eventually(rules)

    assert [it["name"] for it in loaded] == [it["alert"] for it in RULES]
    for rule in loaded:
        assert rule["health"] == "ok", rule
        assert not rule.get("lastError"), rule
        assert rule["alerts"] == [], rule


def test_a_model_that_cannot_be_read_anew_is_told(
    watched: Watched, instances: list[object], model: object
) -> None:
    """WhereforeReloadFailed fires, of the one instance, with the model's name."""
    labels = model / "labels.txt"
    text = labels.read_text()
    labels.write_text("one\n")
    instances[1].process.send_signal(signal.SIGHUP)
    states = eventually(lambda: watched.prometheus.alerts("WhereforeReloadFailed"))
    labels.write_text(text)

    assert states == {watched.names[1]: "firing"}
    (alert,) = watched.prometheus.ask("alerts")["alerts"]
    summary = f"{watched.names[1]}: reload of mine failed, the old model stays in use"
    assert alert["annotations"]["summary"] == summary


def test_an_instance_that_is_gone_is_missed(
    watched: Watched, instances: list[object]
) -> None:
    """WhereforeDown waits its time from then on. The last test: it ends one."""
    assert instances[1].stop() == 0
    states = eventually(lambda: watched.prometheus.alerts("WhereforeDown"))

    assert states == {watched.names[1]: "pending"}
    assert watched.prometheus.alerts("WhereforeGone") == {}
