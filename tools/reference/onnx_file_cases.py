"""Makes the ONNX files whose data lies elsewhere or is of 16 bits.

    tests/cases/onnx-files/NAME/{model.onnx,...,output.npy}
        a model that is read, and the output for the input of onnx_cases.py
    tests/cases/onnx-files/size-NAME/model.onnx
        one without an expected output
    tests/cases/onnx-files/NAME/{model.onnx,...,error}
        one that must be refused: the error's kind, and a part of its text

Usage: onnx_file_cases.py FOLDER (such as tests/cases)
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from onnx_cases import model, node, picture, raw

WEIGHTS = np.linspace(-1, 1, 8, dtype=np.float32)
SCALE = np.linspace(0.5, 2, 24, dtype=np.float32).reshape(3, 8, 1)


def external(dims: tuple[int, ...], dtype: int = TensorProto.FLOAT, **entries: str):
    """A tensor whose data is elsewhere."""
    tensor = raw(dims, b"", dtype)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def add_file(folder: Path, name: str, data: bytes) -> None:
    """Put a file, and the folders above it, into a case."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def one_constant(folder: Path, tensor: TensorProto, data: bytes | None) -> None:
    """A model of one sum, and a file weights.bin."""
    made = model([node("Add", "x w")], {"w": tensor})
    add_file(folder, "model.onnx", made.SerializeToString())
    if data is not None:
        add_file(folder, "weights.bin", data)


def make_valid(root: Path) -> None:
    """Files that are read."""
    x = picture()

    def expect(name: str, output: np.ndarray) -> None:
        np.save(root / name / "output.npy", output.astype(np.float32))

    one_constant(
        root / "one-file", external((8,), location="weights.bin"), WEIGHTS.tobytes()
    )
    expect("one-file", x + WEIGHTS)

    tensor = external((8,), location="data/more/weights.bin")
    one_constant(root / "below", tensor, None)
    add_file(root / "below", "data/more/weights.bin", WEIGHTS.tobytes())
    expect("below", x + WEIGHTS)

    where = {"location": "weights.bin", "checksum": "of no matter"}
    constants = {
        "w": external((8,), **where, offset="64", length="32"),
        "s": external((3, 8, 1), **where, offset="96", length="96"),
    }
    nodes = [node("Add", "x w", "sum"), node("Mul", "sum s")]
    data = bytes(64) + WEIGHTS.tobytes() + SCALE.tobytes()
    made = model(nodes, constants)
    add_file(root / "two-in-one", "model.onnx", made.SerializeToString())
    add_file(root / "two-in-one", "weights.bin", data)
    expect("two-in-one", (x + WEIGHTS) * SCALE)

    halves = WEIGHTS.astype(np.float16)
    tensor = external((8,), TensorProto.FLOAT16, location="weights.bin")
    one_constant(root / "float16", tensor, halves.tobytes())
    expect("float16", x + halves.astype(np.float32))

    constant = helper.make_node("Constant", [], ["w"], value=None)
    attribute = constant.attribute.add(name="value", type=4)
    attribute.t.CopyFrom(external((8,), location="weights.bin"))
    made = model([constant, node("Add", "x w")])
    add_file(root / "constant-node", "model.onnx", made.SerializeToString())
    add_file(root / "constant-node", "weights.bin", WEIGHTS.tobytes())
    expect("constant-node", x + WEIGHTS)

    # What is computed from 16 bits is computed in floats.
    made = model(
        [
            node("Cast", "x", "wide", to=TensorProto.FLOAT),
            node("Add", "wide w", "sum"),
            node("Cast", "sum", "narrow", to=TensorProto.FLOAT16),
            node("Mul", "narrow s"),
        ],
        {"w": WEIGHTS, "s": raw((3, 8, 1), SCALE.astype(np.float16).tobytes(), 10)},
        dtype=TensorProto.FLOAT16,
    )
    add_file(root / "float16-input", "model.onnx", made.SerializeToString())
    expect("float16-input", (x + WEIGHTS) * SCALE.astype(np.float16).astype(np.float32))

    brain = (WEIGHTS.view(np.uint32) >> 16).astype(np.uint16)
    wide = (brain.astype(np.uint32) << 16).view(np.float32)
    typed = TensorProto(data_type=TensorProto.BFLOAT16, dims=[8])
    typed.int32_data.extend(brain.tolist())
    made = model(
        [node("Add", "x w", "sum"), node("Add", "sum t")],
        {"w": raw((8,), brain.tobytes(), TensorProto.BFLOAT16), "t": typed},
    )
    add_file(root / "bfloat16", "model.onnx", made.SerializeToString())
    expect("bfloat16", x + wide + wide)


def make_sized(root: Path) -> None:
    """Inputs of sizes that are open, or beyond bounds; read at none given."""
    huge = 1 << 40
    for name, shape in {
        "size-open": (1, 3, "height", "width"),
        "size-huge": (1, 3, huge, huge),
        "size-of-one-channel": (1, 1, 9, 7),
        "size-of-one-channel-last": (1, 9, 7, 1),
    }.items():
        made = model([node("Relu", "x")], shape=shape)
        add_file(root / name, "model.onnx", made.SerializeToString())


def make_invalid(root: Path) -> None:
    """Files that are refused."""
    eight = WEIGHTS.tobytes()

    def add(name, kind, text, tensor, data: bytes | None = eight) -> None:
        one_constant(root / name, tensor, data)
        add_file(root / name, "error", f"{kind}\n{text}\n".encode())

    def add_at(name: str, location: str, data: bytes | None = eight) -> None:
        text = "cannot be opened in the model's folder"
        add(name, "io", text, external((8,), location=location), data)

    add_file(root, "outside.bin", eight)
    add_at("absolute", "/etc/passwd")
    add_at("absolute-to-itself", "/weights.bin")
    add_at("above", "../outside.bin")
    add_at("above-from-below", "data/../../outside.bin")
    add_file(root / "above-from-below", "data/weights.bin", eight)
    add_at("below-and-back", "data/../weights.bin")
    add_file(root / "below-and-back", "data/weights.bin", eight)
    add_at("itself", "./weights.bin")
    add_at("empty-part", "data//weights.bin")
    add_at("empty", "")
    add_at("folder-after-file", "weights.bin/")
    add_at("missing", "weights.dat")
    add_at("long", "w" * 300)
    add_at("link", "weights.bin", None)
    (root / "link" / "weights.bin").symlink_to("../outside.bin")
    add_at("linked-folder", "data/outside.bin")
    (root / "linked-folder" / "data").symlink_to("..")

    tensor = external((8,), location="data")
    add("folder", "io", "is not a regular file", tensor, None)
    add_file(root / "folder", "data/weights.bin", eight)
    add("no-location", "bad-input", "has no location", external((8,), offset="0"))

    def add_place(name: str, text: str, **entries: str) -> None:
        tensor = external((8,), location="weights.bin", **entries)
        add(name, "bad-input", text, tensor)

    add_place("offset-at-the-end", "ends at byte 33", offset="1")
    add_place("offset-negative", 'its offset "-4"', offset="-4")
    add_place("offset-huge", "its offset", offset="9" * 20)
    add_place("offset-large", "ends at byte 1000000000000000031", offset="9" * 18)
    add_place("length-short", "it has 16 bytes", length="16")
    add_place("length-text", 'its length "all"', length="all")
    odd = np.where(WEIGHTS > 0.9, np.nan, WEIGHTS).astype(np.float32).tobytes()
    tensor = external((8,), location="weights.bin")
    add("not-a-number", "bad-input", "element 7 is NaN", tensor, odd)
    add("cut-short", "bad-input", "ends at byte 32", tensor, eight[:-1])
    large = external((1 << 28,), location="weights.bin")
    add("large", "bad-input", "ends at byte 1073741824", large)


def main(folder: Path) -> None:
    """Writes all cases anew."""
    root = folder / "onnx-files"
    shutil.rmtree(root, ignore_errors=True)
    make_valid(root)
    make_sized(root)
    make_invalid(root)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
