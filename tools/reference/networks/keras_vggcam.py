"""VGGCAM in Keras, as its users write it, exported to ONNX by Keras.

    KERAS_BACKEND=tensorflow keras_vggcam.py small FOLDER   (by tf2onnx)
    KERAS_BACKEND=torch keras_vggcam.py small FOLDER        (by torch.onnx)
    ... full FOLDER

Writes what export.py writes: vggcam-keras-BACKEND.onnx, whose input is
(batch, height, width, 3), and vggcam.{logits,features,maps}.npy in the others'
order of axes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
from keras import layers

STAGES = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def vggcam(k: int, classes: int, side: int) -> keras.Model:
    """VGG-16's convolutions, one more, and a mean over side x side."""
    x = picture = keras.Input((side * 16, side * 16, 3))
    for i, (repeats, width) in enumerate(STAGES):
        if i > 0:
            x = layers.MaxPooling2D(2, 2)(x)
        for _ in range(repeats):
            x = layers.Conv2D(width // k, 3, padding="same", activation="relu")(x)
    x = layers.Conv2D(1024 // k, 3, padding="same", activation="relu", name="CAM")(x)
    x = layers.AveragePooling2D(side)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(classes, activation="softmax", name="classes")(x)
    return keras.Model(picture, x)


def fill(model: keras.Model) -> None:
    """Weights that are the same with every backend."""
    rng = np.random.default_rng(20)
    filled = []
    for weights in model.get_weights():
        if weights.ndim == 1:
            filled.append(rng.uniform(-0.2, 0.4, weights.shape))
        else:
            fan_in = np.prod(weights.shape[:-1])
            filled.append(rng.normal(0, np.sqrt(2 / fan_in), weights.shape))
    model.set_weights([weights.astype(np.float32) for weights in filled])


def picture(side: int) -> np.ndarray:
    """What zoo.picture gives, (1, side, side, 3)."""
    index = np.arange(3 * side * side, dtype=np.int64)
    numbers = (index * 2654435761 % 2**32).astype(np.float64) / 2**31 - 1
    planes = numbers.astype(np.float32).reshape(1, 3, side, side)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def main() -> None:
    small = sys.argv[1] == "small"
    folder = Path(sys.argv[2])
    k, classes, side = (32, 7, 4) if small else (1, 1000, 14)
    model = vggcam(k, classes, side)
    fill(model)
    x = picture(side * 16)
    scores = np.asarray(model(x).detach() if hasattr(model(x), "detach") else model(x))
    inner = keras.Model(model.input, model.get_layer("CAM").output)(x)
    features = np.asarray(inner.detach() if hasattr(inner, "detach") else inner)[0]
    weights, bias = (
        np.asarray(values) for values in model.get_layer("classes").get_weights()
    )
    logits = features.mean((0, 1)) @ weights + bias
    soft = np.exp(logits - logits.max())
    assert np.allclose(soft / soft.sum(), scores[0], atol=1e-4)
    planes = features.transpose(2, 0, 1)
    np.save(folder / "vggcam.logits.npy", logits.astype(np.float32))
    np.save(folder / "vggcam.features.npy", np.ascontiguousarray(planes))
    maps = np.einsum("ck,cyx->kyx", weights, planes)
    np.save(folder / "vggcam.maps.npy", maps.astype(np.float32))
    path = folder / f"vggcam-keras-{keras.backend.backend()}.onnx"
    model.export(str(path), format="onnx", verbose=False)
    made = onnx.load(path)
    made.doc_string = ""
    del made.metadata_props[:]
    for node in made.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    path.write_bytes(made.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    got = session.run(None, {session.get_inputs()[0].name: x})[0][0]
    off = np.abs(got - scores[0]).max()
    print(f"{path.name}: {path.stat().st_size} bytes, off {off:.1e}")


if __name__ == "__main__":
    main()
