"""Decodes text files: which encoding, and line by line in bounded memory. Reads plain text and Markdown.

A byte-order mark decides; then UTF-8, if the whole file is; then UTF-16 without a mark; then charset-normalizer's guess
from the lines that are not ASCII, Western European first. A guess may be wrong where those lines are few.
"""

import codecs
from collections.abc import Iterator

from charset_normalizer import from_bytes

from core.datasets.readers.source import UNSAFE, Source, UnreadableError
from core.datasets.schema import TextPart
from core.rag.chunking import chunk_markdown, chunk_text

MAX_LINE = 4_000_000
SAMPLE_BYTES = 64_000
BLOCK_BYTES = 1_000_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSES = (
    ["cp1252"],
    ["cp1251", "koi8_r", "shift_jis", "gb18030", "big5", "euc_kr", "euc_jp"],
    ["cp1250", "cp1253", "cp1254", "mac_roman"],
)
_WESTERN = "\N{NO-BREAK SPACE}€£¥§°–—‘’‚“”„…•·«»‹›©®™¿¡¼½¾²³µ×±‰ª"


def read_markdown(source: Source) -> Iterator[TextPart]:
    """Yield a Markdown document."""
    yield TextPart(source.file, tuple(chunk_markdown(read_text(source), title=source.title)))


def read_plain(source: Source) -> Iterator[TextPart]:
    """Yield a document of plain text."""
    yield TextPart(source.file, tuple(chunk_text(read_text(source), title=source.title)))


def read_text(source: Source) -> str:
    """Return a file's text.

    Raises:
        UnreadableError: It is too large or no text.
    """
    source.check_size()
    encoding = encoding_of(source)
    text = source.path.read_bytes().decode(encoding)
    check_characters(text)
    return text


def check_characters(text: str) -> None:
    """Refuse text with control characters, which binary files have.

    Raises:
        UnreadableError: It holds one.
    """
    found = UNSAFE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise UnreadableError(f"holds the control character {found.group()!r}; expected text.", place=f"line {line}")


def encoding_of(source: Source) -> str:
    """Return the name of a text file's encoding.

    Raises:
        UnreadableError: It seems to be no text.
    """
    with source.path.open("rb") as file:
        start = file.read(SAMPLE_BYTES)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    wide = marked or _wide(start)
    if wide is None and b"\0" in start:
        line = start.count(b"\n", 0, start.index(b"\0")) + 1
        raise UnreadableError("holds the control character '\\x00'; expected text.", place=f"line {line}")
    failure = _check(source, wide or "utf-8")
    if failure is None:
        return wide or "utf-8"
    guess = None if wide else _guess(_unusual_lines(source))
    if guess is None:
        line, reason = failure
        raise UnreadableError(
            f"not UTF-8 text ({reason}), nor any other encoding that is known. Save the file as UTF-8.",
            place=f"line {line}",
        )
    return guess


def _wide(start: bytes) -> str | None:
    """Return the kind of UTF-16 that text without a mark seems to be in.

    Latin letters in it have 0 for every other byte; Chinese has fewer zeros, and bytes that ASCII does not know. A zero
    that strays into other text makes neither.
    """
    half = len(start) // 2
    first, second = start[::2].count(0), start[1::2].count(0)
    foreign = sum(byte >= 128 for byte in start)
    enough = max(first, second) > 0.7 * half or (max(first, second) > 0.02 * half and foreign > 0.2 * len(start))
    if half < 4 or not enough or min(first, second) * 4 > max(first, second):
        return None
    return "utf-16-le" if second > first else "utf-16-be"


def _check(source: Source, encoding: str) -> tuple[int, str] | None:
    """Return the line and reason of the first bytes that are not in this encoding, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with source.path.open("rb") as file:
        while True:
            block = file.read(BLOCK_BYTES)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as exc:
                return line + exc.object.count(b"\n", 0, exc.start), exc.reason
            if not block:
                return None
            line += block.count(b"\n")


def _unusual_lines(source: Source) -> bytes:
    """Return the first lines that are not ASCII, from which an encoding is told best."""
    found = bytearray()
    with source.path.open("rb") as file:
        while len(found) < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
            if not line.isascii():
                found += line
    return bytes(found)


def _guess(sample: bytes) -> str | None:
    for names in _GUESSES:
        best = from_bytes(sample, cp_isolation=names, enable_fallback=False).best()
        if best is not None:
            return str(best.encoding)
    return "cp1252" if _is_western(sample) else None


def _is_western(sample: bytes) -> bool:
    """Whether bytes are mostly ASCII and else as in Western text; a few lines tell a guesser too little."""
    try:
        unusual = [character for character in sample.decode("cp1252") if not character.isascii()]
    except UnicodeDecodeError:
        return False
    letters = sum(character < 128 and chr(character).isalpha() for character in sample)
    return len(unusual) <= letters and all(c.isalpha() or c in _WESTERN for c in unusual)


class Lines:
    """A text file's lines with their endings. A line that is too long is reported and left out.

    Attributes:
        number: The line that was given out last, from 1.
        encoding: What the file is decoded by.
    """

    def __init__(self, source: Source, encoding: str) -> None:
        self.number = 0
        self._source = source
        self.encoding = encoding

    def __iter__(self) -> Iterator[str]:
        """Yield each line."""
        with self._source.path.open(encoding=self.encoding, newline="") as file:
            while line := file.readline(MAX_LINE):
                self.number += 1
                if len(line) < MAX_LINE:
                    yield line
                    continue
                self._source.report(
                    f"longer than {MAX_LINE} characters; split it, or mend a quotation mark that is never closed.",
                    place=f"line {self.number}",
                )
                while (rest := file.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
                    pass
