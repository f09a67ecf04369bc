"""Whatever bytes stand in a file of whatever name, reading gives parts or says what is wrong, and nothing else."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.datasets.readers import read_parts
from core.datasets.schema import TablePart
from core.errors import DatasetError

from .pdf_files import build_pdf
from .test_archive import zipped
from .test_documents import PAGE, word_file

IN_PROCESS = (".csv", ".tsv", ".jsonl", ".json", ".md", ".txt", ".html", ".parquet", ".arrow", ".zip")
ISOLATED = (".pdf", ".docx", ".xlsx", ".xls", ".ods")


def genuine(suffix: str) -> bytes:
    """Return a whole file to mutate."""
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    out = io.BytesIO()
    match suffix:
        case ".parquet":
            pq.write_table(table, out)
        case ".arrow":
            with pa.ipc.new_stream(out, table.schema) as stream:
                stream.write_table(table)
        case ".zip":
            out.write(zipped({"a.csv": "a,b\n1,2\n", "b.md": "# T\ntext"}))
        case ".json" | ".jsonl":
            out.write(json.dumps({"a": [1, {"b": "é"}], "c": None}).encode())
        case ".html":
            out.write(PAGE.encode())
        case ".pdf":
            out.write(build_pdf(["One.", "Two."]))
        case ".docx":
            out.write(word_file())
        case _:
            out.write('# c\na,b\n"1 ""x""",2\n3,é\n'.encode())
    return out.getvalue()


@st.composite
def mutations(draw: st.DrawFn, suffix: str) -> bytes:
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    data = bytearray(genuine(suffix))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
        if not data:
            break
    return bytes(data)


def check(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    for told in (lambda _: None, None):
        try:
            for part in read_parts(path, on_problem=told):
                if isinstance(part, TablePart):
                    assert len(set(part.header)) == len(part.header)
                    assert all(part.header)
                    rows = list(part.rows)
                    assert {len(row) for row in rows} <= {len(part.header)}
                    "".join("".join(row) for row in rows).encode()
                else:
                    "".join(p.document + p.place + p.text for p in part.passages).encode()
        except DatasetError:
            if told is not None:
                raise


@pytest.mark.parametrize("suffix", IN_PROCESS)
def test_any_bytes_give_parts_or_the_readers_own_error(tmp_path: Path, suffix: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutations(suffix))
    def hold(data: bytes) -> None:
        check(tmp_path / f"f{suffix}", data)

    hold()


@pytest.mark.parametrize("suffix", ISOLATED)
def test_any_bytes_of_a_document_give_parts_or_the_readers_own_error(tmp_path: Path, suffix: str) -> None:
    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutations(suffix))
    def hold(data: bytes) -> None:
        check(tmp_path / f"f{suffix}", data)

    hold()
