"""A real Chroma server on a free port, and vectors to put into it."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.rag.embedding import DIMENSIONS, Vectors
from core.schema import Chunk


def chunks(count: int, *, version: str) -> list[Chunk]:
    return [Chunk(f"{version}-{n}", "data", version, "doc", "place", n, "text") for n in range(count)]


def random_vectors(count: int, *, seed: int) -> Vectors:
    raw = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def chroma_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Serve a folder; give the server's address and process, and end it afterwards."""
    program = shutil.which("chroma", path=str(Path(sys.executable).parent))
    assert program is not None
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "chroma.log").open("ab") as log:
        server = subprocess.Popen(
            [program, "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder)], stdout=log, stderr=log
        )
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.terminate()
            server.wait(20)
