"""The dashboard as Grafana's own SDK reads it, for there is no Grafana to be had
from Debian or PyPI: what it does not know would be lost on the way through it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest
from conftest import DASHBOARD
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import Dashboard

plugins.register_default_plugins()
FILE = json.loads(DASHBOARD.read_text())
GRID = 24  # columns of a dashboard


def through(dashboard: dict) -> dict:
    """Read and written again."""
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def missing(before: object, after: object, where: str = "") -> list[str]:
    """What of `before` is not in `after`, or is another thing there."""
    if isinstance(before, dict) and isinstance(after, dict):
        kept = [key for key in before if key in after]
        lost = [f"{where}/{key}" for key in before if key not in after]
        below = [missing(before[key], after[key], f"{where}/{key}") for key in kept]
    elif isinstance(before, list) and isinstance(after, list):
        lost = [] if len(before) == len(after) else [where]
        pairs = enumerate(zip(before, after, strict=False))
        below = [missing(old, new, f"{where}/{i}") for i, (old, new) in pairs]
    else:
        return [] if before == after else [where]
    return lost + [it for some in below for it in some]


def test_grafana_knows_all_of_it() -> None:
    """Nothing is lost on the way through its model, and nothing changed."""
    assert missing(FILE, through(copy.deepcopy(FILE))) == []


def test_what_a_panel_looks_like_is_not_left_to_defaults() -> None:
    """The model's are not those of Grafana itself: it would hide the legends."""
    for before, after in zip(
        FILE["panels"], through(copy.deepcopy(FILE))["panels"], strict=True
    ):
        assert after.get("options") == before.get("options"), before["title"]


def spell_a_key_wrong(dashboard: dict) -> None:
    """Of a panel."""
    panel = dashboard["panels"][1]
    panel["titel"] = panel.pop("title")


def spell_a_query_wrong(dashboard: dict) -> None:
    """Of Prometheus, which has a model of its own."""
    target = dashboard["panels"][1]["targets"][0]
    target["legend"] = target.pop("legendFormat")


def spell_an_option_wrong(dashboard: dict) -> None:
    """Of a panel of time series, as well."""
    dashboard["panels"][1]["options"]["legend"]["position"] = "bottom"


@pytest.mark.parametrize(
    "spoil", [spell_a_key_wrong, spell_a_query_wrong, spell_an_option_wrong]
)
def test_a_dashboard_that_is_spoilt_does_not_get_through(
    spoil: Callable[[dict], None],
) -> None:
    """Or this would be no test."""
    dashboard = copy.deepcopy(FILE)
    spoil(dashboard)
    assert missing(dashboard, through(copy.deepcopy(dashboard))) != []


def test_choices_are_made_among_those_that_there_are() -> None:
    """Which the model takes as they come."""
    panels = [it for it in FILE["panels"] if it["type"] == "timeseries"]

    assert len(panels) > 10
    for panel in panels:
        legend, tooltip = (panel["options"][key] for key in ("legend", "tooltip"))
        LegendDisplayMode(legend["displayMode"])
        LegendPlacement(legend["placement"])
        TooltipDisplayMode(tooltip["mode"])
        SortOrder(tooltip["sort"])
        VisibilityMode(panel["fieldConfig"]["defaults"]["custom"]["showPoints"])


def test_panels_lie_beside_each_other() -> None:
    """None on another, and none over the edge."""
    taken: set[tuple[int, int]] = set()
    for panel in FILE["panels"]:
        x, y, w, h = (panel["gridPos"][key] for key in "xywh")
        cells = {(i, j) for i in range(x, x + w) for j in range(y, y + h)}
        assert x + w <= GRID and not cells & taken, panel["title"]
        taken |= cells


def test_each_query_has_a_name_and_asks_the_chosen_source() -> None:
    """That of the variable, which is the first of all."""
    source = {"type": "prometheus", "uid": "${datasource}"}

    assert FILE["templating"]["list"][0]["name"] == "datasource"
    for panel in FILE["panels"]:
        names = [it["refId"] for it in panel["targets"]]
        assert len(set(names)) == len(names)
        for it in (panel, *panel["targets"]):
            assert it["datasource"] == source
