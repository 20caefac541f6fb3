"""Hugging Face's tasks: its own client, and what it would not send."""

from __future__ import annotations

import base64
from collections.abc import Callable

import httpx
import pytest
from conftest import SAMPLES, Server, sample
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

TASKS = ("image-classification", "object-detection", "image-segmentation")


@pytest.fixture(name="client")
def fixture_client(server: Server) -> Callable[[str], InferenceClient]:
    """One for a task."""
    return lambda task: InferenceClient(model=f"{server.url}/hf/{task}")


def test_classes_with_their_scores(server: Server, client: Callable) -> None:
    """The five best, or as many as asked, or their logits."""
    ask = client("image-classification").image_classification
    cam = server.cam().json()["classes"]

    found = ask(sample("chelsea.png"))
    assert [(row.label, row.score) for row in found] == [
        (row["label"], row["score"]) for row in cam
    ]
    found = ask(str(SAMPLES / "chelsea.png"), top_k=2, function_to_apply="none")
    assert [(row.label, row.score) for row in found] == [
        (row["label"], row["logit"]) for row in cam[:2]
    ]
    assert len(ask(sample("chelsea.png"), top_k=2000)) == 1000


def test_boxes_of_classes(server: Server, client: Callable) -> None:
    """Of those whose score reaches the threshold."""
    ask = client("object-detection").object_detection
    cam = server.cam(params={"class": "top"}).json()["classes"]

    for threshold in (0.05, 0.5):
        found = ask(sample("chelsea.png"), threshold=threshold)
        there = [row for row in cam if row["score"] >= threshold]
        assert [row.label for row in found] == [row["label"] for row in there]
        for row, said in zip(found, there, strict=True):
            left, top = said["box"]["x"], said["box"]["y"]
            assert (row.box.xmin, row.box.ymin) == (left, top)
            assert row.box.xmax == left + said["box"]["width"]
            assert row.box.ymax == top + said["box"]["height"]


def test_masks_of_classes(client: Callable) -> None:
    """Black and white, in the photo's size; a higher threshold gives less."""
    ask = client("image-segmentation").image_segmentation
    sizes = []

    for threshold in (0.2, 0.8):
        found = ask(sample("chelsea.png"), threshold=0.05, mask_threshold=threshold)
        assert [row.label for row in found] == ["Egyptian cat", "tiger cat", "tabby"]
        mask = found[0].mask.convert("L")
        counts = {level: count for count, level in mask.getcolors()}
        assert mask.size == (451, 300)
        assert counts.keys() == {0, 255}
        sizes.append(counts[255])
    assert 0 < sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("task", "parameters", "part"),
    [
        (TASKS[0], {"top_k": 0}, '"top_k" must be'),
        (TASKS[0], {"function_to_apply": "sigmoid"}, '"function_to_apply" must be'),
        (TASKS[0], {"threshold": 0.5}, 'no parameter "threshold"; this task has top_k'),
        (TASKS[1], {"threshold": 2}, '"threshold" must be a number from 0 to 1'),
        (TASKS[1], {"top_k": 2}, 'no parameter "top_k"'),
        (TASKS[2], {"subtask": "panoptic"}, '"subtask" must be'),
        (TASKS[2], {"mask_threshold": "x"}, '"mask_threshold" must be'),
        (TASKS[2], [], '"parameters" must be an object'),
    ],
)
def test_parameters_that_a_task_has_not(
    server: Server, task: str, parameters: object, part: str
) -> None:
    """Are refused, with those it has."""
    image = base64.b64encode(sample("rocket.jpg")).decode()
    body = {"inputs": image, "parameters": parameters}
    answer = httpx.post(f"{server.url}/hf/{task}", json=body, timeout=60)

    assert answer.status_code == 422
    assert part in answer.json()["error"]


@pytest.mark.parametrize("task", TASKS)
def test_what_is_no_image(server: Server, client: Callable, task: str) -> None:
    """Raw, in base64, as another type, with an option of POST /cam."""
    with pytest.raises(HfHubHTTPError) as raised:
        getattr(client(task), task.replace("-", "_"))(b"not an image")
    assert raised.value.response.status_code == 422
    url = f"{server.url}/hf/{task}"
    answer = httpx.post(url, json={"inputs": "?"}, timeout=60)
    assert answer.status_code == 422
    assert answer.json() == {"error": "an image is not valid base64"}
    answer = httpx.post(url, json={}, timeout=60)
    assert answer.json()["error"].startswith("an image must be a string")
    answer = httpx.post(url, content=b"a", headers={"Content-Type": "text/html"}, timeout=60)
    assert answer.status_code == 415
    answer = httpx.post(url, content=b"a", params={"top": 1}, timeout=60)
    assert answer.json()["error"] == 'there is no option "top" in the query; there is "model"'
