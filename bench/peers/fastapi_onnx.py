"""FastAPI and ONNX Runtime: the peer (b) of bench/README.md."""

from __future__ import annotations

import os

import onnxruntime
from answer import MODEL, answer, decode, network_input
from onnx_model import load
from web import application

model = load(MODEL / "model.onnx")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("BENCH_THREADS", "1"))
options.inter_op_num_threads = 1
# An idle thread must not spin: the other request needs its core.
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(
    model.file, options, providers=["CPUExecutionProvider"]
)


def work(body: bytes, longest: int | None) -> bytes:
    """Classes, map, box and overlay."""
    photo = decode(body)
    logits, features = session.run(
        ["logits", "features"], {"input": network_input(photo, model.side)}
    )
    return answer(photo, logits[0], features[0], model.weights, longest)


app = application(work)
