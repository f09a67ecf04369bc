"""Reads Word documents (.docx): headings, paragraphs, lists and tables, in order. Pictures and notes are left out."""

from collections.abc import Iterator

from core.datasets.readers.archive import check_container
from core.datasets.readers.isolation import extract
from core.datasets.readers.source import UNSAFE, Source
from core.datasets.schema import TextPart
from core.rag.chunking import chunk_sections


def read_word(source: Source) -> Iterator[TextPart]:
    """Yield a document."""
    check_container(source)
    path, lines = [""] * 6, list[str]()
    sections = [(path, lines)]
    for record in extract(source, "word"):
        text = UNSAFE.sub(" ", record["text"])
        level = record.get("level", 0)
        if level:
            path, lines = [*path[: level - 1], text, *[""] * (6 - level)], []
            sections.append((path, lines))
        else:
            lines.append(text)
    yield TextPart(source.file, tuple(chunk_sections(sections, title=source.title)))
