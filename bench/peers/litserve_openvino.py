"""LitServe and OpenVINO: the peer (c) of bench/README.md.

    litserve_openvino.py PORT

Two workers of one thread each, LitServe's faster queue, and the photo as the
plain body. OpenVINO computes with bfloat16 where the processor has it."""

import os
import sys
from typing import Annotated

import litserve
import openvino
from answer import MODEL, answer, decode, network_input
from fastapi import Depends, Request, Response
from onnx_model import load

WORKERS = 2


async def question(request: Request, heatmap_size: int | None = None) -> tuple:
    """The photo's bytes, and the overlay's longest side."""
    return await request.body(), heatmap_size


class Api(litserve.LitAPI):
    """What a worker does."""

    def setup(self, device: str) -> None:
        self.model = load(MODEL / "model.onnx")
        core = openvino.Core()
        options = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # or both workers get the same core
        }
        if precision := os.environ.get("BENCH_PRECISION"):
            options["INFERENCE_PRECISION_HINT"] = precision
        graph = core.read_model(self.model.file)
        graph.reshape([1, 3, self.model.side, self.model.side])
        self.run = core.compile_model(graph, "CPU", options).create_infer_request()

    def decode_request(self, request: Annotated[tuple, Depends(question)]) -> tuple:
        body, longest = request
        return decode(body), longest

    def predict(self, inputs: tuple) -> bytes:
        photo, longest = inputs
        found = self.run.infer({0: network_input(photo, self.model.side)})
        logits, features = found["logits"], found["features"]
        return answer(photo, logits[0], features[0], self.model.weights, longest)

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="application/json")


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(api_path="/cam"),
        accelerator="cpu",
        workers_per_device=WORKERS,
        fast_queue=True,
        timeout=60,
        healthcheck_path="/readyz",
        disable_openapi_url=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
