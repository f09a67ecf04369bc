"""Reads PDF page by page: running heads and hyphens at line ends are taken off, lines become paragraphs again.

No text recognition: a page that is a picture is reported. Columns and tables come as the file orders them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil

from core.datasets.readers.isolation import extract
from core.datasets.readers.source import UNSAFE, Source, UnreadableError
from core.datasets.schema import TextPart
from core.rag.chunking import chunk_text

MAX_PAGES = 5_000
EDGE_LINES = 2
NUMBERED_LENGTH = 40
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00ad": "-"}
_LIGATURE = re.compile("[" + "".join(_LIGATURES) + "]")
_HYPHEN = re.compile(r"(\w+)-\n(\w+)")
_NUMBERED = re.compile(r"[-•·▪–*]\s|\(?\d+(\.\d+)*[.)]?\s")
_STARTS = re.compile(r"[-•·▪–*]\s|\(?\d+[.)]|[A-Z]")


def read_pdf(source: Source) -> Iterator[TextPart]:
    """Yield a document, whose places are its pages."""
    source.check_size()
    pages: list[tuple[int, list[str]]] = []
    pictures: list[int] = []
    for record in extract(source, "pdf"):
        if record.get("pages", 0) > MAX_PAGES:
            raise UnreadableError(f"has {record['pages']} pages; at most {MAX_PAGES} are read. Split it.")
        if "failed" in record:
            source.report(f"can't be read: {record['failed']}", place=f"Page {record['page']}")
        elif record.get("pictures"):
            pictures.append(record["page"])
        elif "page" in record:
            pages.append((record["page"], _lines(record["text"])))
    if pictures and not any(lines for _, lines in pages):
        raise UnreadableError("holds pictures of pages and no text; run text recognition (OCR) on it first.")
    for page in pictures:
        source.report("is a picture without text; run text recognition (OCR) on it first.", place=f"Page {page}")
    heads = _running_heads([lines for _, lines in pages])
    words = Counter(re.findall(r"[\w-]+", "\n".join(line for _, lines in pages for line in lines).lower()))
    for number, lines in pages:
        kept = lines if number == 1 else _without_heads(lines, heads)  # the first page may hold the title itself
        text = "\n\n".join(_paragraphs(_join_hyphens("\n".join(kept), words).split("\n")))
        passages = chunk_text(text, title=source.title, place=f"Page {number}")
        if passages:
            yield TextPart(source.file, tuple(passages))


def _lines(text: str) -> list[str]:
    plain = UNSAFE.sub(" ", _LIGATURE.sub(lambda found: _LIGATURES[found.group()], text))
    return [" ".join(line.split()) for line in plain.splitlines() if line.strip()]


def _shape(line: str) -> str:
    """Return what makes a line a running head: a short one's digits, as of page numbers, count alike."""
    return re.sub(r"\d+", "0", line.lower()) if len(line) <= NUMBERED_LENGTH else line


def _running_heads(pages: Sequence[Sequence[str]]) -> set[str]:
    """Return the shapes of lines that stand at the edge of most pages."""
    shapes = (_shape(line) for lines in pages for line in dict.fromkeys([*lines[:EDGE_LINES], *lines[-EDGE_LINES:]]))
    enough = max(3, ceil(len(pages) * 0.5))
    return {shape for shape, n in Counter(shapes).items() if n >= enough}


def _without_heads(lines: Sequence[str], heads: set[str]) -> list[str]:
    """Return a page's lines from the first to the last that is no running head."""
    edge = min(EDGE_LINES, len(lines))
    start = next((i for i in range(edge) if _shape(lines[i]) not in heads), edge)
    end = next((i for i in range(edge) if _shape(lines[-1 - i]) not in heads), edge)
    return list(lines[start : len(lines) - end])


def _join_hyphens(text: str, words: Counter[str]) -> str:
    """Join words that a line end parted; a hyphen that the same word has elsewhere stays."""

    def join(found: re.Match[str]) -> str:
        first, second = found.groups()
        with_hyphen = words[f"{first}-{second}".lower()] > words[f"{first}{second}".lower()]
        parted = second[0].islower() and first[-1].isalpha() and not with_hyphen
        return f"{first}{second}" if parted else f"{first}-{second}"

    return _HYPHEN.sub(join, text)


def _paragraphs(lines: Sequence[str]) -> list[str]:
    """Join lines into paragraphs: one ends with a short line, before a line that starts something."""
    width = max((len(line) for line in lines), default=0)
    found: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and not (_NUMBERED.match(line) and found[-1][-1:] in ".!?:;"):
            found[-1] += f" {line}"
        else:
            found.append(line)
        goes_on = len(line) > 0.75 * width
    return _rejoin(found)


def _rejoin(paragraphs: Sequence[str]) -> list[str]:
    found: list[str] = []
    for paragraph in paragraphs:
        if found and not _STARTS.match(paragraph) and found[-1][-1:] not in ".!?:":
            found[-1] += f" {paragraph}"
        else:
            found.append(paragraph)
    return found
