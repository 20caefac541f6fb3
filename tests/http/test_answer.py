"""POST /cam: what it answers, and how the options change it."""

from __future__ import annotations

import base64
import pathlib
import struct

import httpx
import pytest
import tiny
from conftest import SAMPLES, SANITIZED, Server, at_once, running, sample

CATS = {281, 282, 285}  # tabby, tiger cat, Egyptian cat


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height by a PNG's header."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def assert_is_answer(answer: dict, num_classes: int = 5, rule: str = "object") -> None:
    """What holds of every answer, whatever the picture."""
    assert answer["method"] == "cam"
    assert len(answer["classes"]) == num_classes
    logits = [entry["logit"] for entry in answer["classes"]]
    assert logits == sorted(logits, reverse=True)
    assert all(0 <= entry["score"] <= 1 for entry in answer["classes"])
    chosen = next(e for e in answer["classes"] if e["index"] == answer["class"])
    assert abs(answer["map"]["mean_plus_bias"] - chosen["logit"]) < 1e-3
    assert answer["map"]["min"] <= answer["map"]["max"]
    box = answer["box"]
    assert box["rule"] == rule
    assert 0 <= box["x"] < box["x"] + box["width"] <= answer["image"]["width"]
    assert 0 <= box["y"] < box["y"] + box["height"] <= answer["image"]["height"]
    assert set(answer["timing_ms"]) >= {"queue", "decode", "infer", "render"}


@pytest.mark.parametrize(
    ("name", "size", "kind"),
    [
        ("chelsea.png", (451, 300), "png"),
        ("coffee.png", (600, 400), "png"),
        ("astronaut.png", (512, 512), "png"),
        ("rocket.jpg", (640, 427), "jpeg"),
    ],
)
def test_every_sample_photo_is_answered(
    server: Server, name: str, size: tuple[int, int], kind: str
) -> None:
    """Form upload, defaults."""
    response = server.cam(sample(name))
    answer = response.json()

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept"
    assert_is_answer(answer)
    assert answer["image"] == {"width": size[0], "height": size[1], "format": kind}
    assert answer["class"] == answer["classes"][0]["index"]
    assert "values" not in answer["map"]
    assert "refusal" not in answer
    assert png_size(base64.b64decode(answer["heatmap"], validate=True)) == size


def test_the_cat_is_a_cat_and_its_box_holds_its_head(server: Server) -> None:
    """The head is around (230, 130) in the photo."""
    answer = server.cam().json()
    box = answer["box"]

    assert answer["class"] in CATS
    assert answer["classes"][0]["id"].startswith("n0")
    assert "cat" in answer["classes"][0]["label"]
    assert box["x"] <= 230 < box["x"] + box["width"]
    assert box["y"] <= 130 < box["y"] + box["height"]


def test_a_raw_body_answers_as_a_form_does(server: Server) -> None:
    """The same picture both ways; only the timing differs."""
    raw = httpx.post(
        server.url + "/cam",
        content=sample("rocket.jpg"),
        headers={"Content-Type": "image/jpeg"},
    ).json()
    form = server.cam(sample("rocket.jpg")).json()

    del raw["timing_ms"], form["timing_ms"]
    assert raw == form


def test_a_chunked_body_answers_as_well(server: Server) -> None:
    """No Content-Length."""
    data = sample("rocket.jpg")
    response = httpx.post(
        server.url + "/cam?heatmap=none",
        content=(data[i : i + 10000] for i in range(0, len(data), 10000)),
        headers={"Content-Type": "image/jpeg"},
    )

    assert response.status_code == 200
    assert response.json()["image"]["width"] == 640


def test_values_have_the_mean_that_is_stated(server: Server) -> None:
    """mean(map) + bias is the same number for the map as it is printed."""
    answers = [
        server.cam(params={"values": "1", "class": c, "heatmap": "none"}).json()
        for c in ("285", "282")
    ]
    biases = []
    for answer in answers:
        rows = answer["map"]["values"]
        flat = [v for row in rows for v in row]
        assert len(rows) == answer["map"]["height"]
        assert all(len(row) == answer["map"]["width"] for row in rows)
        assert min(flat) == answer["map"]["min"]
        assert max(flat) == answer["map"]["max"]
        biases.append(answer["map"]["mean_plus_bias"] - sum(flat) / len(flat))

    again = server.cam(
        sample("rocket.jpg"),
        params={"values": "1", "class": "285", "heatmap": "none"},
    ).json()
    flat = [v for row in again["map"]["values"] for v in row]
    # the bias is the class's own: the same for another picture
    assert (
        abs(again["map"]["mean_plus_bias"] - sum(flat) / len(flat) - biases[0]) < 1e-4
    )


@pytest.mark.parametrize("where", ["query", "form"])
def test_options_work_in_the_query_and_in_the_form(server: Server, where: str) -> None:
    """Every option at once."""
    options = {
        "top": "3",
        "class": "Egyptian cat",
        "heatmap": "map",
        "colormap": "viridis",
        "alpha": "1.0",
        "heatmap_size": "100",
        "values": "1",
        "threshold": "0.5",
    }
    if where == "query":
        response = server.cam(params=options)
    else:
        response = server.cam(data=options)
    answer = response.json()

    assert response.status_code == 200, answer
    assert_is_answer(answer, 3, "paper")
    assert answer["class"] == 285
    assert answer["box"]["threshold"] == 0.5
    assert "values" in answer["map"]
    assert png_size(base64.b64decode(answer["heatmap"])) == (100, 67)


@pytest.mark.parametrize("text", ["285", "n02124075", "Egyptian cat", "egyptian CAT"])
def test_a_class_has_three_names(server: Server, text: str) -> None:
    """Index, id, label."""
    answer = server.cam(params={"class": text, "heatmap": "none"}).json()

    assert answer["class"] == 285


def test_a_class_that_is_not_among_the_best_is_appended(server: Server) -> None:
    """Goldfish (1) is not in the picture."""
    answer = server.cam(params={"class": "1", "top": "2", "heatmap": "none"}).json()

    assert [e["index"] for e in answer["classes"]][2:] == [1]
    assert answer["class"] == 1
    assert "map" not in answer["classes"][2]  # the top-level one is its own
    assert abs(answer["map"]["mean_plus_bias"] - answer["classes"][2]["logit"]) < 1e-3


def test_several_classes_each_have_their_map_and_box(server: Server) -> None:
    """And the top-level ones are those of the first; one pass does it."""
    before = server.metric("wherefore_forward_passes_total")
    answer = server.cam(
        params={"class": ["282", "n02124075", "1", "282"], "heatmap": "none"}
    ).json()
    entries = {e["index"]: e for e in answer["classes"]}

    assert server.metric("wherefore_forward_passes_total") == before + 1
    assert answer["class"] == 282
    assert answer["map"] == entries[282]["map"]
    assert answer["box"] == entries[282]["box"]
    for index in (282, 285, 1):
        assert (
            abs(entries[index]["map"]["mean_plus_bias"] - entries[index]["logit"])
            < 1e-3
        )
        assert "box" in entries[index]
    assert {i for i, e in entries.items() if "map" in e} == {1, 282, 285}
    assert len(answer["classes"]) == 6


def test_class_top_explains_all_that_are_listed(server: Server) -> None:
    """class=top."""
    answer = server.cam(params={"class": "top", "top": "4", "heatmap": "none"}).json()

    assert len(answer["classes"]) == 4
    assert all("map" in e and "box" in e for e in answer["classes"])
    assert answer["class"] == answer["classes"][0]["index"]


def test_all_classes_can_be_listed_and_their_scores_add_up(server: Server) -> None:
    """Softmax over all of them is 1, to float rounding of a thousand terms."""
    count = server.get("/model").json()["num_classes"]
    answer = server.cam(params={"top": str(count), "heatmap": "none"}).json()

    assert sorted(e["index"] for e in answer["classes"]) == list(range(count))
    assert abs(sum(e["score"] for e in answer["classes"]) - 1) < 1e-4


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_top_is_at_most(tmp_path: pathlib.Path, count: int) -> None:
    """Where a model has fewer classes, all are listed, and no more is said of
    it: in the query, in the form, and where nothing is asked for."""
    labels = ["BLOCKED", "FREE", "UNDEFINED", "OTHER"][:count]
    with running(
        "--precision", "fp32", "--model", tiny.model(tmp_path / "few", labels)
    ) as server:
        few = {"model": "few", "heatmap": "none"}
        plain = server.cam(params=few).json()
        for top in ("5", "16", "1000", "18446744073709551617"):
            wanted = {"top": top, "class": "top"}
            for answer in (
                server.cam(params=few | wanted),
                server.cam(data=few | wanted),
                server.cam(params=few, data=wanted),
            ):
                assert answer.status_code == 200, answer.text
                classes = answer.json()["classes"]
                assert sorted(e["label"] for e in classes) == sorted(labels)
                assert all("map" in e for e in classes)
                assert without_maps(classes) == plain["classes"]
        for top in range(1, count + 1):
            some = server.cam(params=few | {"top": top}).json()["classes"]
            assert some == plain["classes"][:top]


def without_maps(classes: list[dict]) -> list[dict]:
    """The entries as they are where no map of theirs is asked for."""
    return [{k: v for k, v in e.items() if k not in ("map", "box")} for e in classes]


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-05", 1e-5), ("2e-1", 0.2), ("1E-3", 0.001), ("+0.2", 0.2), (".5", 0.5)],
)
@pytest.mark.parametrize("where", ["params", "data"])
def test_a_fraction_may_have_an_exponent(
    server: Server, where: str, text: str, value: float
) -> None:
    """As programs write small numbers; it is the number that it says."""
    written = server.cam(**{where: {"threshold": text, "alpha": text}}).json()
    plain = f"{value:.5f}"
    spelled = server.cam(**{where: {"threshold": plain, "alpha": plain}}).json()

    assert written["box"]["threshold"] == pytest.approx(value, rel=1e-6)
    for member in ("classes", "box", "heatmap"):
        assert written[member] == spelled[member]


def test_a_higher_threshold_gives_no_larger_box(server: Server) -> None:
    """Here: for a picture with one bright spot."""
    areas = []
    for threshold in ("0.2", "0.5", "0.9"):
        box = server.cam(params={"threshold": threshold, "heatmap": "none"}).json()[
            "box"
        ]
        areas.append(box["width"] * box["height"])

    assert areas == sorted(areas, reverse=True)
    assert areas[0] > areas[2]


def test_without_positive_evidence_the_box_is_null(server: Server) -> None:
    """Some of the least likely classes have a map that is negative throughout."""
    everything = server.cam(params={"top": "1000", "heatmap": "none"}).json()["classes"]
    worst = [str(e["index"]) for e in everything[-16:]]
    entries = server.cam(params={"class": worst, "heatmap": "none"}).json()["classes"]
    maps = [e for e in entries if "map" in e]

    assert len(maps) == 16
    for entry in maps:
        assert (entry["box"] is None) == (entry["map"]["max"] <= 0)


def test_heatmap_none_answers_null(server: Server) -> None:
    """The key stays."""
    answer = server.cam(params={"heatmap": "none"}).json()

    assert answer["heatmap"] is None


def test_colormaps_and_alpha_change_the_picture(server: Server) -> None:
    """Five colormaps and two strengths: six different pictures."""
    options = [{"colormap": c} for c in ("jet", "turbo", "viridis", "inferno", "gray")]
    options.append({"alpha": "0.25"})
    pictures = {server.cam(params=o).json()["heatmap"] for o in options}

    assert len(pictures) == 6


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "image/*",
        "image/png, */*;q=0.8",
        "application/json;q=0.1,image/png",
    ],
)
def test_accept_png_answers_the_heatmap_itself(server: Server, accept: str) -> None:
    """The very picture that is in the JSON."""
    response = server.cam(headers={"Accept": accept})
    inside = base64.b64decode(server.cam().json()["heatmap"])

    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.headers["vary"] == "Accept"
    assert response.headers["x-wherefore-class"] == "285"
    assert 0 < float(response.headers["x-wherefore-score"]) <= 1
    assert response.content == inside


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json",
        "text/html, */*;q=0.1",
        "image/png;q=0.5, application/*",
    ],
)
def test_json_is_the_answer_unless_png_is_preferred(
    server: Server, accept: str
) -> None:
    """Ties go to JSON."""
    response = server.cam(params={"heatmap": "none"}, headers={"Accept": accept})

    assert response.headers["content-type"] == "application/json"


def test_every_request_runs_the_network_once(server: Server) -> None:
    """And a picture that cannot be read, not at all."""
    before = server.metric("wherefore_forward_passes_total")
    for name in SAMPLES.glob("*.png"):
        server.cam(name.read_bytes(), params={"class": "top"})
    pictures = len(list(SAMPLES.glob("*.png")))
    after = server.metric("wherefore_forward_passes_total")
    assert server.cam(b"no picture").status_code == 415

    assert after == before + pictures
    assert server.metric("wherefore_forward_passes_total") == after


def test_answers_do_not_depend_on_the_worker(server: Server) -> None:
    """Many at once are what one is."""
    one = server.cam(params={"heatmap": "none"}).json()
    many = at_once(8, lambda _: server.cam(params={"heatmap": "none"}).json())
    for answer in [one, *many]:
        del answer["timing_ms"]

    assert all(answer == one for answer in many)


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")
def test_memory_does_not_grow_with_requests() -> None:
    """After a warm-up, a hundred more requests cost nothing that stays."""
    with running("--workers", "1", "--log-format", "none") as server:
        for _ in range(10):
            server.cam()
        before = server.memory_kb()
        with server.client() as client:
            for _ in range(60):
                client.post("/cam", files={"image": sample("coffee.png")})
        grown = server.memory_kb() - before

    # kilobytes; the pictures of these requests add up to 28 MB, their answers
    # to 35 MB
    assert grown < 8000
