"""The inside view: layers, channels, filters and classes, and who asks for what."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from conftest import (
    Look,
    answered_by,
    bundle,
    headline,
    picture,
    pixels,
    serving,
    upload,
)
from inside_stub import Stub, stubbed
from PIL import Image
from playwright.sync_api import Page, Route, expect
from test_manners import violations

LAYER = "block10.expand_relu6"
NO_INDEX = "404"  # the console says so where the service has no exemplars
PAGE = 12  # channels at once


@pytest.fixture(scope="module")
def stubs(server: object) -> Iterator[Stub]:
    """The service, with the two routes that a test decides."""
    with stubbed(server.url) as stub:
        yield stub


@pytest.fixture
def stub(stubs: Stub) -> Stub:
    """The same, as it was."""
    stubs.reset()
    return stubs


def title(page: Page, text: str) -> None:
    """Waits until the place with this heading is shown."""
    expect(page.locator("#inside h2")).to_have_text(text)


def activations(server: object, **options: object) -> dict:
    """What the service says of the cat."""
    files = {"image": ("c.png", serving.sample("chelsea.png"))}
    return httpx.post(server.url + "/activations", files=files, params=options).json()


def requests(page: Page) -> list[str]:
    """Paths and queries that are asked for from now on."""
    seen: list[str] = []
    page.on("request", lambda one: seen.append(one.url.split("/", 3)[3]))
    return seen


def tiles(page: Page) -> list[int]:
    """The channels on the page, when they are there."""
    expect(page.locator(".tile").first).to_be_visible()
    return [int(t.get_attribute("data-channel")) for t in page.locator(".tile").all()]


def test_the_layers_are_listed(look: Look, server: object) -> None:
    """With operation, shape, receptive field and stride, as the service has them."""
    said = server.get("/model/layers").json()["layers"]
    with look(server.url + "/#inside") as page:
        title(page, "Inside efficientnet-lite0")
        rows = page.locator("#inside tbody tr").evaluate_all(
            "l => l.map((row) => [...row.cells].map((cell) => cell.textContent))"
        )
        assert page.locator("#get, #result").evaluate_all(
            "l => l.every((part) => getComputedStyle(part).display === 'none')"
        )
        assert violations(page) == []
    size = "{width:g} × {height:g}".format_map
    assert rows == [
        [
            one["name"],
            one["operation"],
            size(one),
            str(one["channels"]),
            size(one["field"]),
            size(one["stride"]),
        ]
        for one in said
    ]


def test_a_layer_shows_its_most_active_channels(cat: Page, server: object) -> None:
    """With the numbers of the service, and maps that differ."""
    said = activations(server, layer=LAYER, top=PAGE)["channels"]
    cat.locator("#view-inside").click()
    cat.get_by_role("link", name=LAYER, exact=True).click()
    title(cat, LAYER)
    assert tiles(cat) == [one["index"] for one in said]
    means = cat.locator(".tile .small").all_inner_texts()
    for text, one in zip(means, said, strict=True):
        assert float(text.removeprefix("mean ")) == pytest.approx(one["mean"], abs=0.006)
    shots = [pixels(cat, f'[data-channel="{said[i]["index"]}"] canvas') for i in (0, 1)]
    assert not np.array_equal(np.array(shots[0]), np.array(shots[1]))
    expect(cat.locator("#inside")).to_contain_text("672 channels of 14 × 14 cells")


def test_large_layers_are_paged(look: Look, server: object) -> None:
    """Only what is looked at is asked for; the most active first, then the others."""
    order = [one["index"] for one in activations(server, layer="features", top=256)["channels"]]
    with look(server.url + "/#inside/features&sample=chelsea.png") as page:
        assert tiles(page) == order[:PAGE]
        seen = requests(page)
        page.get_by_role("button", name="Next").click()
        expect(page.locator("#inside [role=status]").first).to_contain_text("13 to 24 of 1280")
        assert tiles(page) == order[PAGE : 2 * PAGE]
        assert len(seen) == 1
        assert "activations?" in seen[0]
        assert f"channels={'%2C'.join(map(str, order[PAGE : 2 * PAGE]))}" in seen[0]
        page.get_by_role("button", name="Previous").click()
        expect(page.locator("#inside [role=status]").first).to_contain_text("1 to 12 of 1280")
        assert len(seen) == 1  # it is known


def test_the_newest_address_is_shown(look: Look, server: object) -> None:
    """Also one that arrives while the layers are still asked for."""
    with look(f"{server.url}/#sample=chelsea.png", expected=NO_INDEX) as page:
        headline(page, "Egyptian cat")
        held: list[Route] = []
        page.route("**/model/layers", lambda route: held.append(route))
        page.evaluate(f"location.hash = '#inside/{LAYER}'")
        while not held:
            page.wait_for_timeout(20)
        page.evaluate(f"location.hash = '#inside/{LAYER}/290'")
        for one in held:
            one.continue_()
        expect(page.locator(".channel h3").first).to_have_text("Channel 290")


def test_a_channel_has_an_address(look: Look, server: object) -> None:
    """Its numbers are those of the service; the back button leads through all."""
    said = activations(server, layer=LAYER, channels="290")["channels"][0]
    with look(f"{server.url}/#sample=chelsea.png", expected=NO_INDEX) as page:
        headline(page, "Egyptian cat")
        page.locator("#threshold").evaluate("e => e.dataset.same = 'yes'")
        for place in ("#inside", f"#inside/{LAYER}", f"#inside/{LAYER}/290"):
            page.evaluate(f"location.hash = '{place}'")
        expect(page.locator(".channel h3").first).to_have_text("Channel 290")
        facts = page.locator(".channel .small").first
        expect(facts).to_contain_text(f"Mean {said['mean']:.2f}, from {said['min']:.2f}")
        expect(facts).to_contain_text(f"to {said['max']:.2f}")
        expect(facts).to_contain_text(f"{100 * said['above_zero']:.1f} %")
        expect(page.locator(".channel canvas")).to_have_attribute("role", "img")
        assert page.evaluate("document.activeElement.textContent") == "Channel 290"
        page.go_back()
        expect(page.locator(".channel")).to_be_hidden()
        title(page, LAYER)
        page.go_back()
        title(page, "Inside efficientnet-lite0")
        seen = requests(page)
        page.go_back()
        expect(page.locator("#canvas")).to_be_visible()
        expect(page.locator("#inside")).to_be_hidden()
        assert [path for path in seen if "favicon" not in path] == []  # the answer is there


def test_a_channel_is_found_by_its_number(look: Look, server: object) -> None:
    """One that there is not is refused before anything is asked."""
    with look(f"{server.url}/#inside/{LAYER}&sample=chelsea.png", expected=NO_INDEX) as page:
        tiles(page)
        number = page.get_by_label("Channel", exact=True)
        number.fill("672")
        number.press("Enter")
        assert number.evaluate("e => e.validity.rangeOverflow")
        number.fill("671")
        number.press("Enter")
        expect(page.locator(".channel h3").first).to_have_text("Channel 671")
        page.evaluate(f"location.hash = '#inside/{LAYER}/5000'")
        expect(page.locator(".channel [role=alert]")).to_have_text("There are channels 0 to 671.")


def test_filters_are_shown_when_they_are_looked_at(look: Look, server: object) -> None:
    """The picture of the service, and what it counts."""
    with look(server.url + "/#inside/stem_relu6&sample=chelsea.png") as page:
        tiles(page)
        seen = requests(page)
        page.locator("#inside summary").click()
        shown = page.get_by_alt_text("The filters of stem_relu6, each with its number")
        expect(shown).to_be_visible()
        expect(page.locator("#inside details")).to_contain_text("32 filters of 3 × 3 × 3")
        expect(page.locator("#inside details")).to_contain_text("4 dead")
        asked = [path for path in seen if path.startswith("filters?")]
        size = shown.evaluate("async (e) => (await e.decode(), [e.naturalWidth, e.naturalHeight])")
    told = server.get("/" + asked[1], headers={"Accept": "image/png"})
    assert len(asked) == 2
    assert tuple(size) == Image.open(io.BytesIO(told.content)).size


def test_a_layer_without_filters_says_so(look: Look, server: object) -> None:
    """In the words of the service."""
    with look(server.url + "/#inside/block2.add&sample=chelsea.png", expected="422") as page:
        tiles(page)
        page.locator("#inside summary").click()
        expect(page.locator("#inside details [role=alert]")).to_contain_text("block2.add")


def test_a_class_opens_into_its_channels(cat: Page) -> None:
    """The bars of the first view; one leads to its channel."""
    cat.locator("#channels summary").click()
    expect(cat.locator("#channels-text")).to_contain_text("together")
    before = cat.locator("#channels-list li").all_inner_texts()
    cat.locator("#class-inside").click()
    title(cat, "Egyptian cat")
    assert cat.url.endswith("#inside-class/285")
    expect(cat.locator("#inside .parts li")).to_have_count(len(before))
    assert cat.locator("#inside .parts li").all_inner_texts() == before
    assert violations(cat) == []
    first = pixels(cat, "#inside canvas")
    cat.locator("#inside .parts button").nth(3).focus()
    assert not np.array_equal(np.array(first), np.array(pixels(cat, "#inside canvas")))


def test_a_bar_leads_to_its_channel(look: Look, server: object) -> None:
    """In the layer that the class is computed from."""
    with look(server.url + "/#inside-class/285&sample=chelsea.png", expected=NO_INDEX) as page:
        bar = page.locator("#inside .parts button").first
        channel = bar.locator(".name").inner_text().split()[1]
        bar.click()
        title(page, "features")
        expect(page.locator(".channel h3").first).to_have_text(f"Channel {channel}")


def test_without_a_photo_the_network_is_still_seen(look: Look, server: object) -> None:
    """And a photo that is given then is looked at."""
    with look(f"{server.url}/#inside/{LAYER}&sample=") as page:
        title(page, LAYER)
        expect(page.locator("#inside")).to_contain_text("No photo is chosen")
        assert page.locator(".tile").count() == 0
        assert violations(page) == []
        page.locator("#view-photo").click()
        photo = upload("cup.jpg", picture("coffee.png", (320, 214)))
        page.locator("#file").set_input_files([photo])
        headline(page, "espresso")
        page.go_back()
        expect(page.locator("#inside")).to_contain_text("Channels in cup.jpg")
        assert len(tiles(page)) == PAGE


def test_all_can_be_done_by_keyboard(look: Look, server: object) -> None:
    """From the list to a channel; the focus is always seen, and on what is new."""
    seen = "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
    text = "document.activeElement.textContent"

    def to(page: Page, name: str) -> None:
        for _ in range(90):
            page.keyboard.press("Tab")
            assert page.evaluate(seen), page.evaluate(text)
            if page.evaluate(text).startswith(name):
                return page.keyboard.press("Enter")
        raise AssertionError(name)

    with look(server.url + "/#inside&sample=chelsea.png", expected=NO_INDEX) as page:
        expect(page.locator("#inside ul a").first).to_be_visible()
        assert page.evaluate(text) == "Inside efficientnet-lite0"
        to(page, "stem_relu6")
        title(page, "stem_relu6")
        expect(page.locator("#inside h2")).to_be_focused()
        first = tiles(page)[0]
        to(page, "Next")
        expect(page.locator("#inside [role=status]").first).to_contain_text("13 to 24")
        page.get_by_role("button", name="Previous").press("Enter")
        expect(page.locator(f'[data-channel="{first}"]')).to_be_visible()
        to(page, f"channel {first}")
        expect(page.locator(".channel h3").first).to_be_focused()
        expect(page.locator(f'[data-channel="{first}"]')).to_have_attribute("aria-current", "true")
        to(page, "Show it")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(look: Look, stub: Stub, scheme: str) -> None:
    """A list, and a channel with everything that can be on it."""
    stub.index = {"layers": [{"layer": LAYER, "channels": 672}]}
    fits = "document.documentElement.scrollWidth <= innerWidth"
    view = {"width": 320, "height": 640}
    with look(stub.url + "#inside&sample=chelsea.png", viewport=view, color_scheme=scheme) as page:
        title(page, "Inside efficientnet-lite0")
        assert page.evaluate(fits)
        assert violations(page) == []
        page.evaluate(f"location.hash = '#inside/{LAYER}/290'")
        tiles(page)
        page.locator("#inside summary").click()
        page.get_by_role("button", name="Show it").click()
        expect(page.locator(".ascent")).to_contain_text("Done")
        expect(page.get_by_alt_text(re.compile("Crops"))).to_be_visible()
        expect(page.get_by_alt_text(re.compile("The filters of"))).to_be_visible()
        assert page.evaluate(fits)
        assert violations(page) == []


def test_exemplars_are_shown_where_there_are_some(look: Look, stub: Stub) -> None:
    """Of the layers and channels of the index only."""
    layers = [{"layer": "features", "channels": 9}, {"layer": LAYER, "channels": [3, 290]}]
    stub.index = {"layers": layers}
    sheet = re.compile("Crops of the photos that excite channel 290")
    with look(f"{stub.url}#inside/{LAYER}/290&sample=chelsea.png") as page:
        expect(page.get_by_alt_text(sheet)).to_be_visible()
        assert stub.sheets == [f"/vision/exemplars?layer={LAYER}&channel=290"]
        page.evaluate(f"location.hash = '#inside/{LAYER}/4'")
        expect(page.locator(".channel canvas")).to_have_attribute("aria-label", re.compile("4"))
        expect(page.get_by_text("Photos that excite it most")).to_have_count(0)
    assert len(stub.sheets) == 1


def test_without_an_index_nothing_is_said_of_exemplars(look: Look, stub: Stub) -> None:
    """Its 404 is no error to a visitor."""
    with look(f"{stub.url}#inside/{LAYER}/290&sample=chelsea.png", expected=NO_INDEX) as page:
        with page.expect_response(re.compile("exemplars")):
            page.evaluate(f"location.hash = '#inside/{LAYER}/291'")
        expect(page.locator(".channel canvas")).to_be_visible()
        expect(page.get_by_text("Photos that excite it most")).to_be_hidden()
        expect(page.locator("#inside [role=alert]")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "detail"),
    [(413, "the limit is 1 pass"), (403, "it is not allowed"), (503, "the queue is full")],
)
def test_what_goes_wrong_is_said(look: Look, server: object, status: int, detail: str) -> None:
    """Where the maps would be."""
    body = json.dumps({"title": "x", "status": status, "detail": detail})
    with look(f"{server.url}/#sample=chelsea.png", expected=str(status)) as page:
        headline(page, "Egyptian cat")
        page.route(
            re.compile("activations"),
            lambda route: route.fulfill(
                status=status, content_type="application/problem+json", body=body
            ),
        )
        page.evaluate(f"location.hash = '#inside/{LAYER}'")
        expect(page.locator(".tiles [role=alert]")).to_contain_text(detail)


def test_a_layer_that_is_not_there_is_named(look: Look, server: object) -> None:
    """With a way back; its name is no markup."""
    with look(server.url + "/#inside/%3Cb%3Enone&sample=") as page:
        expect(page.locator("#inside [role=alert]")).to_contain_text("no layer <b>none")
        page.get_by_role("link", name="← All layers").click()
        title(page, "Inside efficientnet-lite0")


COUNT = """
    window.now = window.most = window.given = 0;
    const { send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.send = function (...body) {
      most = Math.max(most, ++now);
      this.addEventListener("readystatechange", () => this.readyState === 4 && now--);
      this.addEventListener("abort", () => given++);
      return send.apply(this, body);
    };"""


def test_requests_go_one_after_another(look: Look, server: object) -> None:
    """Two are never on their way; those of a place that is left are given up."""
    with look(
        server.url + "/#inside&sample=chelsea.png", expected=NO_INDEX, script=COUNT
    ) as page:
        expect(page.locator("#inside ul a").first).to_be_visible()
        assert page.evaluate("now") == 0
        page.evaluate("most = 0")
        page.evaluate(f"location.hash = '#inside/{LAYER}/290'")
        tiles(page)
        expect(page.locator(".channel canvas")).to_be_visible()
        page.locator("#inside summary").click()
        expect(page.get_by_alt_text(re.compile("The filters of"))).to_be_visible()
        assert page.evaluate("[now, most, given]") == [0, 1, 0]
        page.route(re.compile("activations"), lambda route: None)  # never answered
        with page.expect_request(re.compile("activations")):
            page.get_by_role("button", name="Next").click()
        page.locator("#view-photo").click()
        expect(page.locator("#canvas")).to_be_visible()
        assert page.evaluate("[now, most, given]") == [0, 1, 1]


def test_another_model_has_other_layers(look: Look, tmp_path: object) -> None:
    """The list follows the model that is chosen."""
    tiny = bundle(tmp_path / "tiny", "tiny")
    with serving.running("--model", tiny) as two, look(two.url + "/") as page:
        page.locator('[data-sample="chelsea.png"]').click()
        answered_by(page, "efficientnet-lite0")
        page.locator("#view-inside").click()
        title(page, "Inside efficientnet-lite0")
        page.locator("#model-choice").select_option("tiny")
        title(page, "Inside tiny")
        said = two.get("/model/layers", params={"model": "tiny"}).json()["layers"]
        expect(page.locator("#inside tbody th")).to_have_text([one["name"] for one in said])
