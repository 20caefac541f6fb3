"""The engines alone, one thread each, by turns, on the same input."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import Engine, Peer, network_input
from photos import SAMPLES
from PIL import Image

CALIBRATION_SIDES = (0.6, 0.8, 1.0)  # of a sample's shorter side


def timed(run: Callable[[], object], count: int) -> list[float]:
    """The milliseconds of each of `count` runs."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return times


class OpenVino:
    """OpenVINO on one thread, with a precision for what is not quantized."""

    def __init__(self, model, planes: np.ndarray, precision: str) -> None:
        import openvino

        core = openvino.Core()
        model.reshape(list(planes.shape))
        compiled = core.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": precision,
            },
        )
        self.request = compiled.create_infer_request()
        self.planes = planes
        self.logits = self.request.infer([planes])[0].ravel().copy()

    def run(self, count: int) -> list[float]:
        # start and wait: no copies of in- and outputs in Python
        return timed(lambda: (self.request.start_async(), self.request.wait()), count)

    def close(self) -> None:
        """Nothing to do."""


def calibration(model: Path, folder: Path) -> list[np.ndarray]:
    """Inputs from squares of the sample photos, some of them mirrored."""
    inputs = []
    for path in sorted(SAMPLES.glob("*.[jp][pn]g")):
        with Image.open(path) as sample:
            image = sample.convert("RGB")
        for share in CALIBRATION_SIDES:
            side = int(min(image.size) * share)
            for left in (0, (image.width - side) // 2, image.width - side):
                square = image.crop((left, 0, left + side, side))
                if left == 0:
                    square = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                square.save(folder / "calibration.png")
                x = network_input(model, folder / "calibration.png")
                inputs.append(np.ascontiguousarray(x.transpose(2, 0, 1)[None]))
    return inputs


def openvino_int8(model: Path, planes: np.ndarray, folder: Path) -> OpenVino:
    """Static quantization by NNCF, as OpenVINO's manual has it."""
    import logging

    import nncf
    import openvino

    logging.getLogger("nncf").setLevel(logging.ERROR)
    graph = openvino.Core().read_model(model / "model.onnx")
    graph.reshape(list(planes.shape))
    dataset = nncf.Dataset(calibration(model, folder))
    return OpenVino(nncf.quantize(graph, dataset), planes, "f32")


class LiteRt:
    """LiteRT with XNNPACK, on one thread."""

    def __init__(self, path: Path, planes: np.ndarray) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=1)
        self.interpreter.allocate_tensors()
        spec = self.interpreter.get_input_details()[0]
        x = planes if spec["shape"][1] == 3 else planes.transpose(0, 2, 3, 1)
        self.interpreter.set_tensor(spec["index"], np.ascontiguousarray(x))
        self.interpreter.invoke()
        output = self.interpreter.get_output_details()[0]["index"]
        self.logits = self.interpreter.get_tensor(output).ravel()

    def run(self, count: int) -> list[float]:
        return timed(self.interpreter.invoke, count)

    def close(self) -> None:
        """Nothing to do."""


def openvino_plain(model: Path, planes: np.ndarray, precision: str) -> OpenVino:
    """The file as it is."""
    import openvino

    graph = openvino.Core().read_model(model / "model.onnx")
    return OpenVino(graph, planes, precision)


def engines(model: Path, photo: Path, root: Path | None, folder: Path) -> tuple:
    """Those that can be had, by name; and why others cannot."""
    sample = network_input(model, photo)
    planes = np.ascontiguousarray(sample.transpose(2, 0, 1)[None])
    for precision in ("fp32", "int8"):
        (folder / precision).mkdir()
    makers: dict[str, Callable] = {
        "wherefore fp32": lambda: Engine(model, sample, folder / "fp32"),
        "wherefore int8": lambda: Engine(model, sample, folder / "int8", "int8"),
        "ONNX Runtime fp32": lambda: Peer(model, sample),
        "OpenVINO fp32": lambda: openvino_plain(model, planes, "f32"),
        "OpenVINO bf16": lambda: openvino_plain(model, planes, "bf16"),
        "OpenVINO int8": lambda: openvino_int8(model, planes, folder),
    }
    tflite = Path("build/bench/litert") / f"{model.name}.tflite"
    if tflite.exists():
        makers["LiteRT fp32"] = lambda: LiteRt(tflite, planes)
    if root:
        inside = Path(tempfile.mkdtemp(prefix="bench-", dir=root / "tmp"))
        makers["wherefore fp32, Debian 13"] = lambda: Engine(
            model, sample, inside, "fp32", root
        )
    found, missing = {}, {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except (ImportError, RuntimeError, OSError) as error:
            missing[name] = str(error).splitlines()[0]
    return found, missing


def measure(
    model: Path, photo: Path, root: Path | None, rounds: int, block: int
) -> dict:
    """Medians of all runs of each; the order changes from round to round."""
    with tempfile.TemporaryDirectory() as folder:
        found, missing = engines(model, photo, root, Path(folder))
    names = list(found)
    times: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        found[name].run(block)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name] += found[name].run(block)
    reference = found["ONNX Runtime fp32"].logits
    rows = {
        name: {
            "median_ms": statistics.median(times[name]),
            "least_ms": min(times[name]),
            "logits_apart": float(np.abs(found[name].logits - reference).max()),
            "same_class": bool(found[name].logits.argmax() == reference.argmax()),
        }
        for name in names
    }
    for engine in found.values():
        getattr(engine, "close", lambda: None)()
    return {"rounds": rounds, "block": block, "engines": rows, "missing": missing}
