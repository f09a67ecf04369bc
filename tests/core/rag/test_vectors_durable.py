"""Chroma as a server and embedded: the same results, and nothing acknowledged is lost when either is killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.config import Settings
from core.rag.vectors import VectorIndex, open_vectors
from tests.core.rag.chroma_server import chroma_server, chunks, random_vectors

WRITES = """
import sys
from pathlib import Path
from core.config import Settings
from core.rag.vectors import open_vectors
from tests.core.rag.chroma_server import chunks, random_vectors
index = open_vectors(Settings(home=Path(sys.argv[1])))
for n in range(3):
    index.add(chunks(40, version=f"v{n}"), vectors=random_vectors(40, seed=n))
    print("acknowledged", n, flush=True)
index.remove("v0")
print("removed", flush=True)
sys.stdin.read()
"""


def fill(index: VectorIndex) -> None:
    for n in range(3):
        index.add(chunks(40, version=f"v{n}"), vectors=random_vectors(40, seed=n))
    index.remove("v0")


def check_whole(index: VectorIndex) -> None:
    assert [index.count(f"v{n}") for n in range(3)] == [0, 40, 40]
    asked = random_vectors(40, seed=2)[7]
    found = index.search(asked, versions=["v0", "v1", "v2"], top_k=80)
    assert (len(found), found[0][0]) == (80, "v2-7")


def test_server_and_embedded_find_the_same(tmp_path: Path) -> None:
    embedded = open_vectors(Settings(home=tmp_path / "embedded"))
    with chroma_server(tmp_path / "server") as (url, _):
        served = open_vectors(Settings(home=tmp_path / "client", chroma_url=url))
        for index in (embedded, served):
            fill(index)
        for n, asked in enumerate(random_vectors(10, seed=9)):
            within = ["v1", "v2", "unknown"][n % 2 :]
            ids = [f"v2-{k}" for k in range(n + 1)]
            for ask in (
                lambda index, a=asked, w=within: index.search(a, versions=w, top_k=30),
                lambda index, a=asked, i=ids: index.nearest(a, ids=i, top_k=5),
            ):
                here, there = ask(embedded), ask(served)
                assert [i for i, _ in there] == [i for i, _ in here]
                assert dict(there) == pytest.approx(dict(here), abs=1e-5)  # an answer over HTTP is rounded
            assert served.similarities(asked, ids=ids) == pytest.approx(embedded.similarities(asked, ids=ids))


def test_killed_server_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    with chroma_server(tmp_path / "server") as (url, process):
        fill(open_vectors(Settings(home=tmp_path, chroma_url=url)))
        process.kill()
        process.wait(20)
    with chroma_server(tmp_path / "server") as (url, _):
        check_whole(open_vectors(Settings(home=tmp_path, chroma_url=url)))


def test_killed_process_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", WRITES, str(tmp_path)], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert [writer.stdout.readline().split()[0] for _ in range(4)] == [b"acknowledged"] * 3 + [b"removed"]
        writer.kill()
    check_whole(open_vectors(Settings(home=tmp_path)))


ADDS = """
import sys
from pathlib import Path
from core.config import Settings
from core.rag.vectors import open_vectors
from tests.core.rag.chroma_server import chunks, random_vectors
index = open_vectors(Settings(home=Path(sys.argv[1])))
index.add(chunks(1500, version="theirs"), vectors=random_vectors(1500, seed=5))
index.remove("gone")
"""


def test_what_another_process_wrote_is_found_and_written_on(tmp_path: Path) -> None:
    index = open_vectors(Settings(home=tmp_path))
    index.add(chunks(40, version="ours"), vectors=random_vectors(40, seed=1))
    index.add(chunks(40, version="gone"), vectors=random_vectors(40, seed=2))
    subprocess.run([sys.executable, "-c", ADDS, str(tmp_path)], check=True, cwd=Path(__file__).parents[3], timeout=120)
    theirs = random_vectors(1500, seed=5)[700]
    found = index.search(theirs, versions=["ours", "theirs"], top_k=3)
    assert (len(found), found[0][0]) == (3, "theirs-700")
    index.add(chunks(40, version="later"), vectors=random_vectors(40, seed=3))
    again = open_vectors(Settings(home=tmp_path))
    for each in (index, again):
        assert [each.count(version) for version in ("ours", "gone", "theirs", "later")] == [40, 0, 1500, 40]
        assert each.search(random_vectors(40, seed=3)[5], versions=["theirs", "later"], top_k=1)[0][0] == "later-5"
        assert each.search(theirs, versions=["theirs"], top_k=1)[0][0] == "theirs-700"
