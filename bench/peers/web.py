"""A FastAPI application around a function that answers about one photo.

    uvicorn MODULE:app --loop uvloop --http httptools --no-access-log

One process, and a pool of as many threads as there are cores: decoding,
network and PNG all run without Python's lock, so threads fill both cores, and
no connection is stuck behind a busy process while another idles (two processes
share a listening socket unevenly: bench/README.md)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request, Response

THREADS = int(os.environ.get("BENCH_POOL", "2"))


def application(work: Callable[[bytes, int | None], bytes]) -> FastAPI:
    """`work` takes a photo's bytes and the overlay's longest side, and
    returns JSON; it is called by THREADS threads at once."""
    app = FastAPI(openapi_url=None)
    pool = ThreadPoolExecutor(THREADS)

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response(b"ok")

    @app.post("/cam")
    async def cam(request: Request, heatmap_size: int | None = None) -> Response:
        body = await request.body()
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(pool, work, body, heatmap_size)
        return Response(answer, media_type="application/json")

    return app
