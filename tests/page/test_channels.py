"""Evidence by channel: the parts of a logit as bars, and the channel pointed at."""

from __future__ import annotations

import re

import numpy as np
import pytest
from conftest import Look, answer, headline, pixels
from playwright.sync_api import Page, expect
from test_manners import violations

MOST = 8


def opened(page: Page) -> list[str]:
    """Opens the bars, and returns their texts when they are there."""
    page.locator("#channels summary").click()
    expect(page.locator("#channels-text")).to_contain_text("together")
    return page.locator("#channels-list li").all_inner_texts()


def value_of(text: str) -> float:
    """The number of a bar."""
    found = re.search(r"(\+|\u2212)([\d.e-]+)\s*$", text.strip())
    return float(found[2]) * (1 if found[1] == "+" else -1)


def frame(page: Page) -> list[str]:
    """Where the box is drawn."""
    sides = ("x", "y", "width", "height")
    return [page.locator("#box").get_attribute(side) for side in sides]


def asked(page: Page) -> list[str]:
    """The addresses of requests for channels from now on."""
    addresses: list[str] = []
    page.on(
        "request",
        lambda one: addresses.append(one.url) if "channels=" in one.url else None,
    )
    return addresses


def test_the_parts_add_up_to_the_logit(cat: Page, server: object) -> None:
    """Bias, the channels for the class, the others, and those against it."""
    addresses = asked(cat)
    texts = opened(cat)
    said = server.cam(params={"channels": MOST, "heatmap": "none"}).json()["channels"]

    assert len(addresses) == 1
    assert len(texts) == len(said["list"]) + 2 == 2 * MOST + 2
    assert texts[0].startswith("bias")
    assert texts[MOST + 1].startswith(f"{said['total'] - 2 * MOST} others")
    listed = [text for text in texts if text.startswith("channel")]
    assert [int(text.split()[1]) for text in listed] == [
        one["channel"] for one in said["list"]
    ]
    for text, one in zip(listed, said["list"], strict=True):
        assert value_of(text) == pytest.approx(one["contribution"], abs=0.006)
    total = sum(map(value_of, texts))
    assert total == pytest.approx(answer(cat)["classes"][0]["logit"], abs=0.1)
    assert violations(cat) == []


def test_a_bar_begins_where_the_one_before_ends(cat: Page) -> None:
    """To the left of it, if it is against the class."""
    opened(cat)
    bars = cat.locator("#channels-list .bar span").evaluate_all(
        "l => l.map((b) => { const r = b.getBoundingClientRect(); return [r.left, r.right, b.className]; })"
    )
    end = None
    for left, right, side in bars:
        start, stop = (left, right) if side == "for" else (right, left)
        if end is not None:
            assert start == pytest.approx(end, abs=1.5)
        end = stop


def test_the_photo_shows_the_channel_that_is_pointed_at(
    cat: Page, server: object
) -> None:
    """By mouse and by keyboard, with its box, and then the evidence again."""
    before, box = np.array(pixels(cat)), frame(cat)
    opened(cat)
    params = {"channels": MOST, "heatmap": "none", "threshold": 0.2, "values": 1}
    said = server.cam(params=params)
    first = said.json()["channels"]["list"][0]
    bars = cat.locator("#channels-list button")
    bars.first.hover()
    assert not np.array_equal(np.array(pixels(cat)), before)
    assert frame(cat) == [
        str(first["box"][side]) for side in ("x", "y", "width", "height")
    ]
    expect(cat.locator("#scale-mid")).to_have_text(f"channel {first['channel']}")
    largest = max(max(row) for row in first["map"]["values"])
    assert float(cat.locator("#scale-max").inner_text()) == pytest.approx(
        largest, abs=0.05
    )
    cat.locator("#headline").hover()
    expect(cat.locator("#scale-mid")).to_contain_text("evidence for")
    assert np.array_equal(np.array(pixels(cat)), before)
    assert frame(cat) == box
    bars.nth(2).focus()
    assert not np.array_equal(np.array(pixels(cat)), before)
    bars.nth(2).blur()
    assert np.array_equal(np.array(pixels(cat)), before)


def test_they_follow_the_class_and_the_comparison(cat: Page) -> None:
    """And are not asked for while nobody looks at them."""
    addresses = asked(cat)
    shown = cat.locator("#classes .show")
    shown.nth(1).click()
    expect(shown.nth(1)).to_have_attribute("aria-pressed", "true")
    assert addresses == []
    opened(cat)
    index = shown.nth(1).get_attribute("data-index")
    assert f"class={index}" in addresses[-1]
    cat.locator("#classes .compare").nth(0).click()
    expect(cat.locator("#channels-text")).to_contain_text("difference of the logits")
    assert "target=margin" in addresses[-1] and "against=" in addresses[-1]
    assert len(addresses) == 2


def test_a_network_without_such_channels_says_so(look: Look, server: object) -> None:
    """As the service does."""
    with look(server.url + "/#sample=", expected="422") as page:
        page.route(
            re.compile("channels="),
            lambda route: route.fulfill(
                status=422,
                content_type="application/problem+json",
                body='{"title":"x","status":422,"detail":"channels cannot be listed: no"}',
            ),
        )
        page.locator('[data-sample="chelsea.png"]').click()
        headline(page, "Egyptian cat")
        page.locator("#channels summary").click()
        expect(page.locator("#channels-text")).to_contain_text("cannot be listed")
