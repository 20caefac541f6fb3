"""Several models at once, and reading them anew on SIGHUP."""

from __future__ import annotations

import json
import pathlib
import shutil
import signal
import threading
import time

import httpx
import pytest
from conftest import MODEL, ROOT, SANITIZED, Server, run, running, sample

FORMS = ROOT / "tests" / "data" / "forms"
NETWORKS = ROOT / "tests" / "data" / "networks"
INPUT = {
    "width": 48,
    "height": 32,
    "channels": "RGB",
    "resize": "stretch",
    "interpolation": "bicubic",
    "mean": [127, 127, 127],
    "std": [128, 128, 128],
}
NO_PICTURE = {"heatmap": "none"}


def bundle(folder: pathlib.Path, name: str, onnx: str = "legacy13.onnx") -> str:
    """A model's folder with one of the tiny networks of seven classes in it."""
    folder.mkdir()
    spec = {"name": name, "input": INPUT, "onnx": {"file": "model.onnx"}}
    (folder / "model.json").write_text(json.dumps(spec))
    (folder / "labels.txt").write_text("".join(f"{name} {i}\n" for i in range(7)))
    shutil.copy(FORMS / onnx, folder / "model.onnx")
    return str(folder)


def test_the_precision_is_told_and_integers_need_kernels() -> None:
    """A server of int8, or one line and exit 1."""
    args = ("--precision", "int8")
    result = run("serve", *args, "--model", "/nonexistent/model")
    assert result.returncode == 1

    with running() as server:
        model = server.get("/model").json()
        assert model["precision"] == "fp32"
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    if model["runtime"] == "2022" and not {"avx2", "fma"} <= set(cpu.split()):
        result = run("serve", *args, "--model", MODEL)
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1
        assert "needs a processor with AVX2" in result.stderr
        return
    with running(*args) as server:
        (told,) = server.get("/models").json()["models"]
        assert told["precision"] == "int8"


def test_a_normalized_head_tells_its_scale(tmp_path: pathlib.Path) -> None:
    """ConvNeXt's map adds up to the logit, on its picture's own scale."""
    folder = bundle(tmp_path / "convnext", "convnext")
    spec = json.loads((tmp_path / "convnext/model.json").read_text())
    spec["input"] |= {"width": 64, "height": 96}
    (tmp_path / "convnext/model.json").write_text(json.dumps(spec))
    shutil.copy(NETWORKS / "convnext-legacy17.onnx", tmp_path / "convnext/model.onnx")
    with running("--model", folder) as server:
        models = {m["name"]: m for m in server.get("/models").json()["models"]}
        answer = server.cam(params={"model": "convnext", **NO_PICTURE}).json()
        other = server.cam(params=NO_PICTURE).json()
    assert models["convnext"]["head"] == "gap-norm-linear"
    best = answer["classes"][0]
    assert abs(answer["map"]["mean_plus_bias"] - best["logit"]) < 1e-3
    assert set(answer["map"]["normalized_by"]) == {"mean", "deviation"}
    assert answer["map"]["normalized_by"]["deviation"] > 0
    assert "normalized_by" not in other["map"]  # the default model's


def replace(path: pathlib.Path, text: str) -> None:
    """Another file in its place at once, as one should."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def models(server: Server) -> dict[str, dict]:
    """GET /models by name."""
    return {m["name"]: m for m in server.get("/models").json()["models"]}


def reload(server: Server, count: int = 1) -> None:
    """Tells the server to read its models anew and waits for `count` lines
    about it in the log."""
    before = server.log().count("reload")
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 60
    while server.log().count("reload") < before + count:
        assert time.monotonic() < end, server.log()
        time.sleep(0.01)


def test_two_models_answer_under_their_names(tmp_path: pathlib.Path) -> None:
    """The first one where none is named; in the query or in a form field."""
    with running("--model", bundle(tmp_path / "b", "tiny")) as server:
        default = server.cam(params=NO_PICTURE).json()
        by_query = server.cam(params={"model": "tiny", **NO_PICTURE}).json()
        by_field = server.cam(data={"model": "tiny", **NO_PICTURE}).json()
        raw = httpx.post(
            server.url + "/cam?model=tiny&heatmap=none",
            content=sample("chelsea.png"),
            headers={"Content-Type": "image/png"},
        ).json()
        list_of = server.get("/models").json()["models"]

        assert default["model"] == "efficientnet-lite0"
        assert by_query["model"] == by_field["model"] == raw["model"] == "tiny"
        assert by_query["classes"] == by_field["classes"] == raw["classes"]
        assert by_query["classes"][0]["label"].startswith("tiny ")
        assert [m["name"] for m in list_of] == ["efficientnet-lite0", "tiny"]
        assert [m["default"] for m in list_of] == [True, False]
        assert [m["generation"] for m in list_of] == [1, 1]
        assert list_of[1]["input"] == {"width": 48, "height": 32}
        assert list_of[1]["num_classes"] == 7
        assert list_of[1]["map"]["width"] == 6
        assert list_of[1]["head"] == "gap-linear"
        assert server.get("/model?model=tiny").json()["num_classes"] == 7
        assert server.get("/model").json()["num_classes"] == 1000
        passes = "wherefore_model_forward_passes_total"
        assert server.metric(f'{passes}{{model="tiny"}}') == 3
        assert server.metric(f'{passes}{{model="efficientnet-lite0"}}') == 1
        assert server.metric("wherefore_forward_passes_total") == 4


def test_a_class_is_one_of_the_model_that_is_asked(tmp_path: pathlib.Path) -> None:
    """Whether its name comes before the class or, in the form, after it."""
    with running("--model", bundle(tmp_path / "b", "tiny")) as server:
        for options in (
            {"params": {"model": "tiny", "class": "tiny 4"}},
            {"params": {"class": "tiny 4"}, "data": {"model": "tiny"}},
            {"data": {"class": "tiny 4", "model": "tiny"}},
        ):
            answer = server.cam(**options)
            assert answer.status_code == 200, answer.text
            assert answer.json()["class"] == 4
        wrong = server.cam(params={"model": "tiny", "class": "285"})
        other = server.cam(params={"class": "tiny 4"})

        assert wrong.status_code == other.status_code == 422
        assert '"285"' in wrong.json()["detail"]


def test_an_unknown_model_is_refused_with_those_there_are(server: Server) -> None:
    """As any other wrong option; and so is a name given twice."""
    for answer in (
        server.cam(params={"model": "nope"}),
        server.cam(data={"model": "nope"}),
        server.get("/model?model=nope"),
    ):
        assert answer.status_code == 422
        assert answer.json()["kind"] == "bad-input"
        assert '"nope"' in answer.json()["detail"]
        assert "efficientnet-lite0" in answer.json()["detail"]
    name = "efficientnet-lite0"
    twice = server.cam(params={"model": name}, data={"model": name})
    assert twice.status_code == 422
    assert "twice" in twice.json()["detail"]


def test_two_models_of_one_name_are_refused(tmp_path: pathlib.Path) -> None:
    """One line, exit 1."""
    result = run(
        *("serve", "--listen", "127.0.0.1:0", "--model", MODEL),
        *("--model", bundle(tmp_path / "b", "efficientnet-lite0")),
    )

    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert '"efficientnet-lite0" is already used' in result.stderr


def test_a_changed_model_is_served_after_sighup(tmp_path: pathlib.Path) -> None:
    """Other labels, another network; and the others are read anew too."""
    folder = pathlib.Path(bundle(tmp_path / "b", "tiny"))
    with running("--model", str(folder)) as server:
        before = server.cam(params={"model": "tiny", "values": "1"}).json()
        replace(folder / "labels.txt", "".join(f"new {i}\n" for i in range(7)))
        shutil.copy(FORMS / "legacy17_unfolded.onnx", folder / "model.onnx")
        reload(server, 2)
        after = server.cam(params={"model": "tiny", "values": "1"}).json()

        assert before["classes"][0]["label"].startswith("tiny ")
        assert after["classes"][0]["label"].startswith("new ")
        assert [c["index"] for c in after["classes"]] == [
            c["index"] for c in before["classes"]
        ]
        assert {m["generation"] for m in models(server).values()} == {2}
        assert server.metric('wherefore_model_generation{model="tiny"}') == 2
        assert "model tiny reloaded, generation 2" in server.log()
        assert server.cam(params=NO_PICTURE).json()["class"] == 285


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("model.onnx", "", "model.onnx"),
        ("model.json", "{", "model.json"),
        ("labels.txt", "one\ntwo\n", "labels.txt"),
        (
            "model.json",
            json.dumps(
                {
                    "name": "efficientnet-lite0",
                    "input": INPUT,
                    "onnx": {"file": "model.onnx"},
                }
            ),
            "is already used",
        ),
    ],
)
def test_a_broken_file_keeps_the_old_model(
    tmp_path: pathlib.Path, file: str, text: str, says: str
) -> None:
    """One line in the log; and a mended one is served again."""
    folder = pathlib.Path(bundle(tmp_path / "b", "tiny"))
    good = (folder / file).read_bytes()
    with running("--workers", "1", "--model", str(folder)) as server:
        before = server.cam(params={"model": "tiny", **NO_PICTURE}).json()
        replace(folder / file, text)
        reload(server, 2)
        after = server.cam(params={"model": "tiny", **NO_PICTURE}).json()
        complaints = [line for line in server.log().splitlines() if "reload failed" in line]

        assert after["classes"] == before["classes"]
        assert models(server)["tiny"]["generation"] == 1
        assert models(server)["efficientnet-lite0"]["generation"] == 2
        assert len(complaints) == 1
        assert str(folder) in complaints[0]
        assert says in complaints[0]
        failed = "wherefore_model_failed_reloads_total"
        assert server.metric(f'{failed}{{model="tiny"}}') == 1
        (folder / file).write_bytes(good)
        reload(server, 2)
        assert models(server)["tiny"]["generation"] == 2


def test_reading_anew_under_load_drops_nothing(tmp_path: pathlib.Path) -> None:
    """Every request of several clients is answered, by one model or by its
    next generation; and the old ones' memory is given back."""
    folder = pathlib.Path(bundle(tmp_path / "b", "tiny"))
    reloads = 3 if SANITIZED else 10
    statuses: list[int] = []
    labels: set[str] = set()
    done = threading.Event()

    def client(server: Server, name: str) -> None:
        with server.client() as it:
            while not done.is_set():
                answer = it.post(
                    "/cam",
                    params={"model": name, **NO_PICTURE},
                    files={"image": sample("chelsea.png")},
                )
                statuses.append(answer.status_code)
                if name == "tiny":
                    labels.add(answer.json()["classes"][0]["label"].split()[0])

    with running("--model", str(folder)) as server:
        threads = [
            threading.Thread(target=client, args=(server, name))
            for name in ("efficientnet-lite0", "tiny", "tiny")
        ]
        for thread in threads:
            thread.start()
        kilobytes = []
        for i in range(reloads):
            replace(folder / "labels.txt", "".join(f"g{i} {k}\n" for k in range(7)))
            reload(server, 2)
            seen = len(statuses)
            end = time.monotonic() + 60
            while len(statuses) < seen + 4 or f"g{i}" not in labels:
                assert time.monotonic() < end, f"generation {i} is not seen"
                time.sleep(0.01)
            kilobytes.append(server.memory_kb())
        done.set()
        for thread in threads:
            thread.join()
        wrong = [status for status in statuses if status != 200]

        assert wrong == []
        assert len(statuses) > 4 * reloads
        assert models(server)["tiny"]["generation"] == 1 + reloads
        if not SANITIZED:
            assert kilobytes[-1] < kilobytes[0] + 40_000


def test_sighup_with_json_logs_writes_json(tmp_path: pathlib.Path) -> None:
    """A notice, with time."""
    with running("--workers", "1", "--log-format", "json") as server:
        reload(server)
        line = next(t for t in server.log().splitlines() if "notice" in t)

        assert json.loads(line)["notice"].endswith("generation 2")
