"""What the readers' tests share: files with given content, and all that is read from them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.datasets.readers import read_parts
from core.datasets.schema import Problem, TablePart, TextPart
from core.rag.chunking import Passage

Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


class Reading:
    """All parts of a path, read with problems left out."""

    def __init__(self, path: Path) -> None:
        problems: list[Problem] = []
        self.tables: list[TablePart] = []
        self.rows: list[list[tuple[str, ...]]] = []
        self.passages: list[Passage] = []
        self.files: list[str] = []
        for part in read_parts(path, on_problem=problems.append):
            self.files.append(part.file)
            if isinstance(part, TextPart):
                self.passages += part.passages
            else:
                self.tables.append(part)
                self.rows.append(list(part.rows))
        self.problems = [str(problem) for problem in problems]

    @property
    def texts(self) -> list[str]:
        return [passage.text for passage in self.passages]


@pytest.fixture
def reading() -> type[Reading]:
    return Reading
