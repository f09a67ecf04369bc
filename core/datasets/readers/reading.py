"""The one door to files: each part of a file, a folder or a ZIP archive, in a fixed order."""

from collections.abc import Callable, Iterator
from pathlib import Path

from core.datasets.card import DESCRIPTIONS
from core.datasets.readers.archive import unpack
from core.datasets.readers.columnar import read_arrow, read_parquet
from core.datasets.readers.delimited import read_delimited
from core.datasets.readers.html import read_html
from core.datasets.readers.pdf import read_pdf
from core.datasets.readers.records import read_json, read_jsonl
from core.datasets.readers.source import SHARD, OnProblem, Source
from core.datasets.readers.spreadsheet import read_spreadsheet
from core.datasets.readers.text import read_markdown, read_plain
from core.datasets.readers.word import read_word
from core.datasets.schema import TablePart, TextPart
from core.errors import DatasetError

MAX_FILES = 5_000
_STATE = {"state.json", "dataset_info.json", "dataset_dict.json"}  # what `datasets` writes beside its Arrow files

Part = TextPart | TablePart


def read_parts(
    path: Path, *, title: str = "", on_problem: OnProblem | None = None, tick: Callable[[], None] | None = None
) -> Iterator[Part]:
    """Yield what a file, folder or ZIP archive holds. A table's rows are read before the next part is asked for.

    Args:
        path: In a folder, hidden files and the card are left out.
        title: Names the content of a single file that says no title itself; its name when empty.
        on_problem: Told of each row, page or file that can't be read and is left out; None refuses the first.
        tick: Called often while a file is read before its first part is there; what it raises stops the reading.

    Raises:
        DatasetError: Nothing is there, or a problem is refused.
    """
    if not path.exists():
        raise DatasetError(f"{path} can't be read: it doesn't exist.")
    if not path.is_dir():
        return _read(Source(path, _shown(path.name), path.parent, on_problem, named=title, tick=tick))
    return _read_folder(path, on_problem, tick)


def list_files(folder: Path) -> list[Path]:
    """Return the files of a folder that `read_parts` reads, in a fixed order: no hidden ones, card, links or pipes.

    Raises:
        DatasetError: There is none, or there are too many.
    """
    found = [path for path in _visible(folder) if path.is_file() and not path.is_symlink()]
    _check_count(folder, found)
    return found


def _read_folder(folder: Path, on_problem: OnProblem | None, tick: Callable[[], None] | None) -> Iterator[Part]:
    found = _visible(folder)
    _check_count(folder, found)
    for first, *shards in _groups(found):
        file = _shown(first.relative_to(folder).as_posix())
        yield from _read(Source(first, file, folder, on_problem, shards=tuple(shards), tick=tick))


def _read(source: Source) -> Iterator[Part]:
    if source.path.is_symlink():
        source.report("is a link; put the file itself there.")
    elif not source.path.is_file():
        source.report("is no regular file.")
    elif source.suffix == ".zip":
        for member in source.guard(unpack(source)):
            yield from _read(member)
    elif source.suffix in _READERS:
        yield from source.guard(_READERS[source.suffix](source))
    else:
        source.report(f"not a known format; known are {', '.join(sorted([*_READERS, '.zip']))}.")


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if not _is_hidden(p.relative_to(folder)) and not p.is_dir())


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") for part in relative.parts) or str(relative) in DESCRIPTIONS


def _check_count(folder: Path, found: list[Path]) -> None:
    if not 1 <= len(found) <= MAX_FILES:
        raise DatasetError(f"{folder} holds {len(found)} files beside its card; expected 1 to {MAX_FILES}.")


def _groups(files: list[Path]) -> list[list[Path]]:
    """Return the files, those of one table's shards together; the state beside Arrow files is left out."""
    arrow = any(file.suffix == ".arrow" for file in files)
    groups: dict[tuple[Path, str], list[Path]] = {}
    for file in files:
        if not arrow or not (file.name in _STATE or file.name.startswith("cache-")):
            name = SHARD.sub("", file.stem) if file.suffix in {".arrow", ".parquet"} else file.stem
            groups.setdefault((file.parent, name + file.suffix), []).append(file)
    return list(groups.values())


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


_READERS: dict[str, Callable[[Source], Iterator[Part]]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_plain,
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".jsonl": read_jsonl,
    ".json": read_json,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
    ".docx": read_word,
    ".xlsx": read_spreadsheet,
    ".xlsm": read_spreadsheet,
    ".xlsb": read_spreadsheet,
    ".xls": read_spreadsheet,
    ".ods": read_spreadsheet,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
}
