"""Models of any number of classes: one, few, a thousand; and from one to another."""

from __future__ import annotations

import json
import pathlib
import threading
from collections.abc import Callable, Iterator

import pytest
import tiny
from conftest import (
    SAMPLES,
    Look,
    answer,
    answered_by,
    headline,
    picture,
    serving,
    upload,
)
from playwright.sync_api import Page, Route, expect

CAT = "/#sample=chelsea.png"
LABELS = {
    "one": ["CRACK"],
    "two": ["NO", "YES"],
    "three": ["BLOCKED", "FREE", "UNDEFINED"],
    "four": ["north", "east", "south", "west"],
    "seven": [f"day {i}" for i in range(7)],
}
# The lengths that the list may have.
LENGTHS = {
    "one": ["all 1"],
    "two": ["all 2"],
    "three": ["all 3"],
    "four": ["3", "all 4"],
    "seven": ["3", "5", "all 7"],
    "efficientnet-lite0": ["3", "5", "10", "16"],
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A server of models of one, two, three, four, seven and a thousand classes."""
    folder = tmp_path_factory.mktemp("zoo")
    options = []
    for name, labels in LABELS.items():
        options += ["--model", tiny.model(folder / name, labels)]
    with serving.running("--workers", "2", *options) as it:
        yield it


def choose(page: Page, model: str) -> None:
    """Another model."""
    page.locator("#model-choice").select_option(model)


def rows(page: Page) -> list[str]:
    """What is listed."""
    return page.locator("#classes .name").all_inner_texts()


def is_of(page: Page, model: str, count: int) -> None:
    """All that is seen is of this model, with so many classes listed."""
    answered_by(page, model)
    expect(page.locator("#classes .show")).to_have_count(count)
    assert [e["label"] for e in answer(page)["classes"]] == rows(page)
    assert set(rows(page)) <= set(LABELS.get(model, rows(page)))
    headline(page, rows(page)[0])
    expect(page.locator("#error")).to_be_hidden()
    expect(page.locator("#top option")).to_have_text(LENGTHS[model])
    expect(page.locator("#top")).to_have_value(str(count))


@pytest.mark.parametrize("model", ["one", "two", "three", "four", "seven"])
def test_a_model_of_few_classes_is_looked_at(
    look: Look, tmp_path: pathlib.Path, model: str
) -> None:
    """Alone in its server, with the photo of the docs' examples; each class has
    a map, and where there are two they can be compared."""
    labels = LABELS[model]
    folder = tiny.model(tmp_path / model, labels)
    with (
        serving.running("--model", folder) as server,
        look(f"{server.url}{CAT}&model={model}") as page,
    ):
        is_of(page, model, min(5, len(labels)))
        for i, label in enumerate(rows(page)):
            page.locator("#classes .show").nth(i).click()
            headline(page, label)
            expect(page.locator("#scale")).to_be_visible()
        if len(labels) > 1:
            page.locator("#classes .compare").first.click()
            headline(page, f"Why {rows(page)[-1]} and not {rows(page)[0]}?")


def test_the_only_model_is_counted_in_words(look: Look, tmp_path: pathlib.Path) -> None:
    """Where there is nothing to choose from."""
    folder = tiny.model(tmp_path / "one", ["CRACK"])
    with serving.running() as server, look(server.url + "/") as page:
        expect(page.locator("#model")).to_have_text("efficientnet-lite0, 1000 classes")
    with serving.running("--model", folder) as server, look(server.url) as page:
        expect(page.locator("#model-choice option").nth(1)).to_have_text("one, 1 class")


def test_from_one_model_to_another(look: Look, zoo: object) -> None:
    """Of fewer classes and of more: all is of the new one, and the length of the
    list that was wished for comes back."""
    with look(zoo.url + CAT) as page:
        headline(page, "Egyptian cat")
        for model in ("three", "one", "four", "efficientnet-lite0", "two", "seven"):
            choose(page, model)
            is_of(page, model, min(5, len(LABELS.get(model, range(1000)))))
        page.locator("#top").select_option("7")
        is_of(page, "seven", 7)
        choose(page, "three")
        is_of(page, "three", 3)
        choose(page, "efficientnet-lite0")
        is_of(page, "efficientnet-lite0", 16)
        page.locator("#top").select_option("3")
        choose(page, "four")
        is_of(page, "four", 3)


def test_a_class_of_one_model_is_not_asked_of_another(look: Look, zoo: object) -> None:
    """Nor is one that a link names and the model has not."""
    with look(zoo.url + CAT + "&class=285&vs=282") as page:
        headline(page, "Why Egyptian cat and not tiger cat?")
        choose(page, "three")
        is_of(page, "three", 3)
        choose(page, "efficientnet-lite0")
        is_of(page, "efficientnet-lite0", 5)
        page.evaluate("location.hash = '#sample=rocket.jpg&model=two&class=285'")
        is_of(page, "two", 2)


def test_a_link_names_the_model(look: Look, zoo: object) -> None:
    """Where it is not the default one."""
    script = "navigator.clipboard.writeText = async (text) => { window.copied = text; }"
    with look(zoo.url + CAT + "&model=four", script=script) as page:
        is_of(page, "four", 4)
        expect(page.locator("#model-choice")).to_have_value("four")
        page.locator("#copy-link").click()
        expect(page.locator("#message")).to_contain_text("Copied")
        assert "model=four" in page.evaluate("copied").split("#")[1]


def failing(page: Page, model: str) -> None:
    """From now on this one answers with an error."""
    body = {"status": 500, "detail": "the network is at fault", "kind": "internal"}
    page.route(
        f"**/cam?*model={model}*",
        lambda route: route.fulfill(status=500, body=json.dumps(body)),
    )


def test_an_error_stands_alone(look: Look, zoo: object) -> None:
    """Nothing of the last model's answer stays beside it, be it one picture or a
    strip of them; and the next model's answer is shown again."""
    with look(zoo.url + CAT, expected="status of 500") as page:
        headline(page, "Egyptian cat")
        failing(page, "three")
        for count in (1, 2):
            choose(page, "three")
            expect(page.locator("#error")).to_contain_text("the network is at fault")
            for part in ("#headline", "#classes", "#canvas"):
                expect(page.locator(part)).to_be_hidden()
            assert page.locator("#headline").text_content() == ""
            choose(page, "four")
            is_of(page, "four", 4)
            if count == 1:
                page.locator("#file").set_input_files(
                    [upload(name, picture(name, (300, 200))) for name in SAMPLES[:2]]
                )
                expect(page.locator("#strip button")).to_have_count(2)
                expect(page.locator("#strip")).not_to_contain_text("…")


def holding(page: Page, model: str) -> tuple[threading.Event, Callable[[], None]]:
    """Keeps this model's answers back: whether one is asked for, and what lets
    them go."""
    held: list[Route] = []
    asked = threading.Event()

    def hold(route: Route) -> None:
        held.append(route)
        asked.set()

    def let_go() -> None:
        for route in held:
            route.continue_()

    page.route(f"**/cam?*model={model}*", hold)
    return asked, let_go


def wait(page: Page, event: threading.Event) -> None:
    """Lets Playwright work until then."""
    for _ in range(1500):
        if event.is_set():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it did not come about")


def test_an_answer_of_the_last_model_is_not_seen_while_the_next_one_works(
    look: Look, zoo: object
) -> None:
    """Its name stands above already."""
    with look(zoo.url + CAT) as page:
        headline(page, "Egyptian cat")
        asked, let_go = holding(page, "three")
        choose(page, "three")
        wait(page, asked)
        for part in ("#headline", "#classes", "#canvas"):
            expect(page.locator(part)).to_be_hidden()
        let_go()
        is_of(page, "three", 3)
        expect(page.locator("#canvas")).to_be_visible()


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_model_s(
    look: Look, zoo: object
) -> None:
    """Who changes the model while one works sees the new one's answer."""
    with look(zoo.url + CAT) as page:
        headline(page, "Egyptian cat")
        asked, let_go = holding(page, "three")
        choose(page, "three")
        wait(page, asked)
        choose(page, "two")
        is_of(page, "two", 2)
        let_go()
        page.wait_for_timeout(300)
        is_of(page, "two", 2)


@pytest.mark.parametrize("exclusive", [True, False, None])
def test_classes_that_are_not_exclusive_are_said_to_be(
    look: Look, zoo: object, exclusive: bool | None
) -> None:
    """By `exclusive` of the answer; a bar is as long as its own score, whatever the
    others are."""
    given = [0.93, 0.81, 0.004]

    def change(route: Route) -> None:
        said = route.fetch().json()
        for entry, score in zip(said["classes"], given, strict=True):
            entry["score"] = score
        said |= {} if exclusive is None else {"exclusive": exclusive}
        route.fulfill(json=said)

    with look(zoo.url + "/") as page:
        page.route("**/cam?*", change)
        page.emulate_media(reduced_motion="reduce")
        choose(page, "three")
        page.locator('[data-sample="chelsea.png"]').click()
        expect(page.locator("#classes .show")).to_have_count(3)
        expect(page.locator("#apart")).to_be_visible(visible=exclusive is False)
        shown = page.locator("#classes .share").all_inner_texts()
        assert shown == ["93.0 %", "81.0 %", "0.4 %"]
        bars = page.locator("#classes .bar").evaluate_all(
            "all => all.map((b) => b.firstChild.getBoundingClientRect().width"
            " / b.getBoundingClientRect().width)"
        )
        assert bars == pytest.approx(given, abs=0.01)


def points(page: Page) -> list[float]:
    """The scores that the chart shows."""
    return page.locator("#chart circle").evaluate_all(
        "all => all.map((c) => (c.ownerSVGElement.viewBox.baseVal.height - 6"
        " - c.cy.baseVal.value) / (c.ownerSVGElement.viewBox.baseVal.height - 12))"
    )


def test_the_chart_has_a_point_for_each_picture(look: Look, server: object) -> None:
    """Of the class that it is about, though it is not among the best of each:
    that of the picture looked at, or the one chosen; as the service says it."""
    names = list(SAMPLES)
    photos = [picture(name, (400, 300)) for name in names]
    all_of = [
        server.cam(photo, params={"top": 1000, "heatmap": "none"}).json()["classes"]
        for photo in photos
    ]

    def is_charted(page: Page, index: int, label: str) -> None:
        wanted = [
            next(e["score"] for e in one if e["index"] == index) for one in all_of
        ]
        expect(page.locator("#chart-title")).to_contain_text(f"Score of {label},")
        expect(page.locator("#chart circle")).to_have_count(len(names))
        assert points(page) == pytest.approx(wanted, abs=1e-4)

    with look(server.url + "/") as page:
        page.locator("#file").set_input_files(
            [upload(name, photo) for name, photo in zip(names, photos, strict=True)]
        )
        expect(page.locator("#strip")).not_to_contain_text("…")
        for i in (0, 3, 1):
            page.locator("#strip button").nth(i).click()
            best = all_of[i][0]
            headline(page, best["label"])
            is_charted(page, best["index"], best["label"])
            # What is asked for the chart alone is not in the list.
            assert rows(page) == [e["label"] for e in all_of[i][:5]]
        last = all_of[1][4]
        page.locator("#classes .show").nth(4).click()
        is_charted(page, last["index"], last["label"])
        page.locator("#strip button").nth(2).click()
        headline(page, last["label"])
        is_charted(page, last["index"], last["label"])
        assert rows(page) == [e["label"] for e in all_of[2][:5]] + [last["label"]]
        page.locator("#top").select_option("16")
        expect(page.locator("#classes .show")).to_have_count(16)
        expect(page.locator("#strip")).not_to_contain_text("…")
        is_charted(page, last["index"], last["label"])


def test_what_the_chart_cannot_have_is_left_out(look: Look, server: object) -> None:
    """One picture that fails leaves the others theirs, and ends nothing."""
    with look(server.url + "/", expected="status of 4") as page:
        page.locator("#file").set_input_files(
            [
                upload("a.jpg", picture("coffee.png")),
                upload("b.jpg", b"nothing"),
                upload("c.jpg", picture("rocket.jpg")),
            ]
        )
        expect(page.locator("#strip")).not_to_contain_text("…")
        expect(page.locator("#chart circle")).to_have_count(2)
        page.locator("#strip button").nth(2).click()
        expect(page.locator("#chart-title")).to_contain_text("drilling platform")
        expect(page.locator("#chart circle")).to_have_count(2)
