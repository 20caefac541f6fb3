"""KServe's protocols: Triton's own client, and what no client would send."""

from __future__ import annotations

import base64
import io
import json
import pathlib
import subprocess
from collections.abc import Callable

import httpx
import numpy as np
import pytest
import tiny
import tritonclient.http as triton
from conftest import LARGE, ROOT, SANITIZED, Server, at_once, png, running, sample
from PIL import Image
from tritonclient.utils import InferenceServerException

MODEL = "efficientnet-lite0"
PHOTOS = ("chelsea.png", "rocket.jpg")
PNGS = ("chelsea.png", "coffee.png")  # which all decoders decode alike
BROKEN = b"not an image"
WHY = "the file is not a JPEG, PNG or WebP image"


def b64(file: bytes) -> str:
    """In base64."""
    return base64.b64encode(file).decode()


def instances(*files: bytes, **parameters: object) -> dict:
    """A body of version 1."""
    rows = [{"image": {"b64": b64(file)}} for file in files]
    return {"instances": rows, "parameters": parameters}


def tensor(*files: bytes, binary: bool) -> triton.InferInput:
    """An input of version 2."""
    given = triton.InferInput("image", [len(files)], "BYTES")
    rows = files if binary else [b64(file).encode() for file in files]
    given.set_data_from_numpy(np.array(rows, dtype=object), binary_data=binary)
    return given


def wanted(*names: str, binary: bool) -> list[triton.InferRequestedOutput]:
    """Outputs by name."""
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


@pytest.fixture(name="client")
def fixture_client(server: Server) -> triton.InferenceServerClient:
    """Triton's."""
    return triton.InferenceServerClient(server.url.removeprefix("http://"))


@pytest.fixture(name="ask")
def fixture_ask(server: Server) -> Callable[..., httpx.Response]:
    """Posts a body to a route of the model."""

    def post(verb: str, body: object = None, **options: object) -> httpx.Response:
        version = "v2" if verb == "/infer" else "v1"
        url = f"{server.url}/{version}/models/{MODEL}{verb}"
        return httpx.post(url, json=body, timeout=60, **options)

    return post


# ---- version 1 ----


def test_the_command_of_the_manual_sends_photos_of_any_size(
    tmp_path: pathlib.Path,
) -> None:
    """It goes through a pipe: an argument has 128 KiB at most."""
    page = (ROOT / "docs" / "clients.md").read_text()
    command = page.split("```sh\n")[1].split("```")[0]
    assert "b64" in command
    (tmp_path / "cat.jpg").write_bytes(sample("chelsea.png"))
    body = subprocess.check_output(
        ["bash", "-c", "curl() { cat; }\n" + command], cwd=tmp_path
    )
    assert json.loads(body) == {"instances": instances(sample("chelsea.png"))["instances"]}


def test_predictions_are_the_classes_of_cam(server: Server, ask: Callable) -> None:
    """Each instance has those that its photo has alone."""
    files = [sample(name) for name in PHOTOS]
    answer = ask(":predict", instances(*files, top=3))

    assert answer.status_code == 200
    assert list(answer.json()) == ["predictions"]
    for file, row in zip(files, answer.json()["predictions"], strict=True):
        assert row == {"classes": server.cam(file, params={"top": 3}).json()["classes"]}


def test_explanations_are_those_of_cam(server: Server, ask: Callable) -> None:
    """But for the heatmap, which is there if it is asked for."""
    options = {"method": "gradcam", "values": "f32", "box": "paper"}
    explained = ask(":explain", instances(sample("chelsea.png"), **options))
    cam = server.cam(params=options).json()
    [row] = explained.json()["explanations"]

    assert row.pop("heatmap") is None
    heatmap = cam.pop("heatmap")
    assert row.pop("timing_ms").keys() == cam.pop("timing_ms").keys()
    assert row == cam
    options["heatmap"] = "map"
    [row] = ask(":explain", instances(sample("chelsea.png"), **options)).json()["explanations"]
    assert row["heatmap"] != heatmap
    assert Image.open(io.BytesIO(base64.b64decode(row["heatmap"]))).mode == "P"


def test_a_broken_instance_costs_its_row(ask: Callable) -> None:
    """One that is not base64, too. If all are broken, so is the request."""
    body = instances(BROKEN, sample("rocket.jpg"))
    body["instances"].append({"b64": "?"})
    for verb, name in ((":predict", "predictions"), (":explain", "explanations")):
        first, second, third = ask(verb, body).json()[name]
        assert first == {"error": WHY}
        assert second["classes"][0]["label"] == "drilling platform"
        assert third == {"error": "an image is not valid base64"}
    answer = ask(":predict", instances(BROKEN))
    assert answer.status_code == 422
    assert answer.json() == {"error": WHY}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        ({}, 422, '"instances" must be an array'),
        ({"instances": []}, 422, "there is no image"),
        ({"instances": [""] * 257}, 413, "at most 256"),
        ({"instances": ["a"], "parameters": {"top": 0}}, 422, 'option "top": "0"'),
        ({"instances": ["a"], "parameters": {"tip": 1}}, 422, 'unknown option "tip"'),
        ({"instances": ["a"], "parameters": {"top": []}}, 422, 'option "top" must be'),
        ({"instances": ["a"] * 20, "parameters": {"method": "occlusion"}}, 413, "20 images"),
        ({"instances": [[[]] * 70000]}, 413, "65536 values"),
    ],
)
def test_what_is_wrong_with_a_body_is_said(
    ask: Callable, body: dict, status: int, part: str, still_serves: None
) -> None:
    """As KServe does it."""
    answer = ask(":predict", body)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert part in answer.json()["error"]


def test_a_body_of_another_type(ask: Callable, server: Server) -> None:
    """Is refused before it is read; another model is not found."""
    answer = ask(":predict", headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 415
    answer = httpx.post(f"{server.url}/v1/models/none:predict", json={}, timeout=60)
    assert answer.status_code == 404
    assert answer.json() == {"error": 'the model "none" is not served'}


# ---- version 2 ----


def test_triton_reads_what_there_is(client: triton.InferenceServerClient) -> None:
    """Liveness, readiness, metadata."""
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert not client.is_model_ready("none")
    assert client.get_server_metadata()["name"] == "wherefore"
    described = client.get_model_metadata(MODEL)
    assert described["inputs"] == [
        {"name": "image", "datatype": "BYTES", "shape": [-1]},
        {"name": "pixels", "datatype": "UINT8", "shape": [-1, -1, -1, 3]},
        {"name": "input", "datatype": "FP32", "shape": [-1, 3, 224, 224]},
    ]
    shapes = {output["name"]: output["shape"] for output in described["outputs"]}
    assert shapes["scores"] == [-1, 1000] and shapes["map"] == [-1, 7, 7]


@pytest.mark.parametrize("binary", [True, False])
def test_triton_gets_what_cam_answers(
    server: Server, client: triton.InferenceServerClient, binary: bool
) -> None:
    """All outputs, of two photos."""
    files = [sample(name) for name in PHOTOS]
    names = ("class", "label", "score", "box", "error", "scores", "map", "explanation")
    found = client.infer(
        MODEL,
        [tensor(*files, binary=binary)],
        outputs=wanted(*names, "heatmap", binary=binary),
        request_id="a1",
        parameters={"method": "cam", "box": "paper"},
    )

    assert found.get_response()["id"] == "a1"
    for i, file in enumerate(files):
        cam = server.cam(file, params={"values": "1", "box": "paper", "top": 1000}).json()
        first, box = cam["classes"][0], cam["box"]
        label = found.as_numpy("label")[i]
        assert (label.decode() if binary else label) == first["label"]
        assert found.as_numpy("class")[i] == first["index"]
        assert found.as_numpy("score")[i] == pytest.approx(first["score"], rel=1e-6)
        scores = {row["index"]: row["score"] for row in cam["classes"]}
        assert found.as_numpy("scores")[i] == pytest.approx(
            np.array([scores[index] for index in range(1000)]), abs=1e-7
        )
        assert found.as_numpy("map")[i] == pytest.approx(np.array(cam["map"]["values"]))
        sides = [box["x"], box["y"], box["width"], box["height"]]
        assert found.as_numpy("box")[i].tolist() == sides
        assert not found.as_numpy("error")[i]
        said = json.loads(found.as_numpy("explanation")[i])
        assert said["classes"] == cam["classes"] and said["box"] == cam["box"]
        png = found.as_numpy("heatmap")[i]
        png = png if binary else base64.b64decode(png)
        size = cam["image"]["width"], cam["image"]["height"]
        assert Image.open(io.BytesIO(png)).size == size


@pytest.mark.parametrize("binary", [True, False])
def test_the_best_classes_as_triton_has_them(
    client: triton.InferenceServerClient, binary: bool
) -> None:
    """The extension for classification; a broken image has none."""
    output = triton.InferRequestedOutput("scores", binary_data=binary, class_count=2)
    found = client.infer(
        MODEL, [tensor(BROKEN, sample("rocket.jpg"), binary=binary)], outputs=[output]
    ).as_numpy("scores")

    assert found.shape == (2, 2)
    assert not any(found[0])
    rows = [row.decode() if binary else row for row in found[1]]
    score, index, label = rows[0].split(":")
    assert (index, label) == ("540", "drilling platform")
    assert float(score) > float(rows[1].split(":")[0])


def test_a_broken_image_costs_its_row(client: triton.InferenceServerClient) -> None:
    """Before the first whole one, too; its map has the size of the others'."""
    files = [BROKEN, sample("rocket.jpg"), b""]
    found = client.infer(
        MODEL,
        [tensor(*files, binary=True)],
        outputs=wanted("class", "label", "score", "map", "error", binary=True),
        parameters={"method": "gradcam", "layer": "block10.add"},
    )

    assert found.as_numpy("class").tolist() == [-1, 540, -1]
    assert found.as_numpy("label").tolist() == [b"", b"drilling platform", b""]
    assert found.as_numpy("error").tolist() == [WHY.encode(), b"", b"the image is empty"]
    maps = found.as_numpy("map")
    assert maps.shape == (3, 14, 14)
    assert maps[1].max() > 0 and not maps[0].any() and not maps[2].any()


def test_a_raw_body_is_one_image(ask: Callable) -> None:
    """With a header of 0 bytes."""
    headers = {"Inference-Header-Content-Length": "0"}
    headers["Content-Type"] = "application/octet-stream"
    answer = ask("/infer", content=sample("rocket.jpg"), headers=headers)
    outputs = {row["name"]: row["data"] for row in answer.json()["outputs"]}

    assert outputs["label"] == ["drilling platform"]
    assert list(outputs) == ["class", "label", "score", "box", "error"]


def test_triton_is_told_what_is_wrong(client: triton.InferenceServerClient) -> None:
    """In version 2's own shape."""
    given = tensor(sample("rocket.jpg"), binary=True)
    with pytest.raises(InferenceServerException, match='"none" is not served'):
        client.infer("none", [given])
    with pytest.raises(InferenceServerException, match='there is no output "logits"'):
        client.infer(MODEL, [given], outputs=wanted("logits", binary=True))
    with pytest.raises(InferenceServerException, match="not a JPEG, PNG or WebP"):
        client.infer(MODEL, [tensor(BROKEN, binary=True)])
    doubles = numbers(np.zeros((1, 3)), "FP64", binary=True)
    with pytest.raises(InferenceServerException, match="datatype BYTES"):
        client.infer(MODEL, [doubles])


# ---- version 2: tensors of numbers ----


def numbers(values: np.ndarray, kind: str, binary: bool) -> triton.InferInput:
    """An input of numbers."""
    given = triton.InferInput("x", values.shape, kind)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def explanations(
    client: triton.InferenceServerClient, given: triton.InferInput, **options: object
) -> list[dict]:
    """What is said of each image, as POST /cam says it."""
    outputs = wanted("explanation", binary=True)
    found = client.infer(MODEL, [given], outputs=outputs, parameters=options)
    return [json.loads(row) for row in found.as_numpy("explanation")]


def small(side: int, mode: str = "RGB") -> Image.Image:
    """A sample, small and not square."""
    picture = Image.open(io.BytesIO(sample("chelsea.png"))).convert("RGB")
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture.convert(mode).resize((side, side * 2 // 3))


def as_png(picture: Image.Image) -> bytes:
    """The same pixels in a file."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def without_file(said: dict) -> dict:
    """What pixels have as well as the file they are in."""
    return {k: v for k, v in said.items() if k not in ("timing_ms", "image", "heatmap")}


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("binary", [True, False])
def test_pixels_are_what_their_file_is(
    server: Server, client: triton.InferenceServerClient, mode: str, binary: bool
) -> None:
    """Two of a size, of one, three or four channels; more in JSON than it may have
    values."""
    options = {"method": "gradcam", "values": "f32", "box": "paper"}
    first = small(300 if binary else 210, mode)
    pictures = [first, first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    values = np.stack([np.asarray(picture) for picture in pictures])
    values = values.reshape(2, first.height, first.width, -1)
    found = explanations(client, numbers(values, "UINT8", binary), **options)

    for picture, said in zip(pictures, found, strict=True):
        cam = server.cam(as_png(picture), params=options).json()
        assert without_file(said) == without_file(cam)
        size = {"width": first.width, "height": first.height, "format": "unknown"}
        assert said["image"].items() >= size.items()


def test_lists_in_lists_and_one_image_without_n(server: Server, ask: Callable) -> None:
    """As NumPy's tolist() makes them."""
    picture = small(90)
    data = np.asarray(picture)
    tensor_of = {"name": "x", "datatype": "UINT8", "shape": data.shape, "data": data.tolist()}
    body = {"inputs": [tensor_of], "outputs": [{"name": "explanation"}]}
    [said] = ask("/infer", body).json()["outputs"][0]["data"]
    cam = server.cam(as_png(picture)).json()

    assert without_file(json.loads(said)) == without_file(cam)


def network_input(names: tuple[str, ...]) -> np.ndarray:
    """The network's input for samples, as Pillow and model.json make it: (n, rows,
    columns, 3)."""
    files = [Image.open(io.BytesIO(sample(name))).convert("RGB") for name in names]
    resized = [file.resize((224, 224), Image.Resampling.BICUBIC) for file in files]
    return np.stack([(np.asarray(one, np.float32) - 127) / 128 for one in resized])


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("planar", [True, False])
def test_an_input_has_the_logits_of_its_photo(
    server: Server, client: triton.InferenceServerClient, binary: bool, planar: bool
) -> None:
    """With the channels first or last; its box and region are in the input's
    pixels."""
    values = network_input(PNGS)
    if planar:
        values = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    options = {"values": "1", "box": "paper", "heatmap": "none"}
    found = explanations(client, numbers(values, "FP32", binary), **options)

    for name, said in zip(PNGS, found, strict=True):
        cam = server.cam(sample(name), params=options).json()
        logits = [{row["index"]: row["logit"] for row in of["classes"]} for of in (said, cam)]
        assert logits[0] == pytest.approx(logits[1], abs=1e-4)
        assert np.array(said["map"]["values"]) == pytest.approx(
            np.array(cam["map"]["values"]), abs=1e-3
        )
        assert said["image"].items() >= {"width": 224, "height": 224}.items()
        across = 224 / cam["image"]["width"]
        assert said["box"]["x"] == pytest.approx(cam["box"]["x"] * across, abs=1.5)
        assert said["box"]["width"] == pytest.approx(cam["box"]["width"] * across, abs=1.5)


def test_a_row_that_is_no_input_fails_alone(client: triton.InferenceServerClient) -> None:
    """One with a value that is not finite; a photo beside it does not."""
    values = network_input((PHOTOS[1],)).repeat(3, axis=0)
    values[0, 3, 4, 1] = np.nan
    values[2, 0, 0, 0] = -np.inf
    given = numbers(values, "FP32", binary=True)
    found = client.infer(MODEL, [given], outputs=wanted("label", "error", binary=True))

    assert found.as_numpy("label").tolist() == [b"", b"drilling platform", b""]
    errors = found.as_numpy("error")
    assert b"value 2029 of the input is nan, not a number" in errors[0]
    assert errors[1] == b"" and b"value 0 of the input is -inf" in errors[2]


@pytest.mark.parametrize(
    ("kind", "shape", "part"),
    [
        ("FP32", (1, 3, 224, 223), r"\[N, 3, 224, 224\] or \[N, 224, 224, 3\]"),
        ("UINT8", (1, 3, 40, 50), r"\[N, height, width, channels\]"),
        ("UINT8", (1, 1, 100_000, 1), "at most"),
        ("UINT8", (257, 1, 1, 1), "at most 256"),
        ("UINT8", (0, 1, 1, 1), "there is no image"),
    ],
)
def test_a_shape_that_is_not_taken_is_said(
    client: triton.InferenceServerClient,
    kind: str,
    shape: tuple[int, ...],
    part: str,
    still_serves: None,
) -> None:
    """With the one that is."""
    values = np.zeros(shape, np.float32 if kind == "FP32" else np.uint8)
    with pytest.raises(InferenceServerException, match=part):
        client.infer(MODEL, [numbers(values, kind, binary=True)])


def test_a_shape_is_believed_only_with_its_data(ask: Callable, server: Server) -> None:
    """No memory is taken for what is only announced."""
    before = server.memory_kb()
    side = 2**32 - 1
    for kind, shape in (("UINT8", [256, side, side, 4]), ("FP32", [256, 3, 224, 224])):
        body = {"inputs": [{"name": "x", "datatype": kind, "shape": shape, "data": [1]}]}
        answer = ask("/infer", body)
        assert answer.status_code == 422
        assert answer.json()["error"] == '"data" has 1 numbers, which are not those of the shape'
    assert server.memory_kb() < before + 20_000


@pytest.mark.skipif(SANITIZED, reason="takes minutes")
@LARGE
def test_heatmaps_of_all_images_are_bounded() -> None:
    """What would not fit is refused."""
    body = instances(*[png(2000, 2000)] * 60, heatmap="overlay", box="paper")
    with running("--deadline-ms", "100000") as server:
        url = f"{server.url}/v1/models/{MODEL}:explain"
        answer = httpx.post(url, json=body, timeout=100)
    assert answer.status_code == 413
    assert "larger than the 67108864 bytes" in answer.json()["error"]


# ---- the service ----


def test_the_page_is_alive(server: Server) -> None:
    """For who wants JSON only, as version 1 asks for liveness; all others get the
    page."""
    for accept, kind in (
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.5", "application/json"),
        ("text/html, application/json", "text/html; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
    ):
        answer = server.get("/", headers={"Accept": accept})
        assert answer.headers["content-type"] == kind, accept
        assert "Accept" in answer.headers["vary"]
    assert server.get("/", headers={"Accept": "application/json"}).json() == {"status": "alive"}


def test_batches_and_single_photos_at_once() -> None:
    """Short requests are served between the images of a long batch."""
    body = instances(*[sample("chelsea.png")] * 10)

    def one(i: int) -> int:
        if i % 2:
            return server.cam(params={"heatmap": "none"}).status_code
        url = f"{server.url}/v1/models/{MODEL}:predict"
        return httpx.post(url, json=body, timeout=60).status_code

    with running("--deadline-ms", "100000") as server:
        assert set(at_once(8, one)) == {200}


def test_a_token_is_asked_for_and_health_is_open(tmp_path: pathlib.Path) -> None:
    """As on the other routes; the failure has the protocol's shape."""
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-24-characters\n")
    tokens.chmod(0o600)
    with running("--token-file", str(tokens)) as server:
        answer = server.get(f"/v2/models/{MODEL}")
        assert answer.status_code == 401
        assert list(answer.json()) == ["error"]
        assert server.get("/v2/health/ready").json() == {"ready": True}
        assert server.get("/v2/health/live").json() == {"live": True}


def test_a_name_that_kserve_does_not_route_is_said(tmp_path: pathlib.Path) -> None:
    """At the start. It is served all the same."""
    model = tiny.model(tmp_path / "lite.0", ["cat", "dog"])
    with running("--model", model) as server:
        assert "the model lite.0 is not reached through KServe's router" in server.log()
        assert f"the model {MODEL}" not in server.log()
        assert server.get("/v2/models/lite.0/ready").status_code == 200
