"""Reads web pages: headings, paragraphs, lists and tables. Scripts, navigation and what a browser hides are left out.

Where a page marks its main part (`main`, or one `article`), that part is read alone.
"""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.datasets.readers.source import Source, UnreadableError
from core.datasets.readers.text import check_characters, encoding_of
from core.datasets.schema import TextPart
from core.rag.chunking import chunk_sections

MAX_BYTES = 16_000_000
_LEFT_OUT = re.compile(
    "script|style|noscript|template|nav|footer|aside|form|button|select|svg|math|iframe|object|head|dialog|canvas"
)
_INLINE = re.compile(
    "a|abbr|b|bdi|bdo|big|cite|code|data|del|dfn|em|font|i|img|ins|kbd|label|mark|q|s|samp|small|span|strong|sub|sup|"
    "time|tt|u|var|wbr"
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.I)


def read_html(source: Source) -> Iterator[TextPart]:
    """Yield a document."""
    text = _decode(source)
    check_characters(text)
    try:
        page = LexborHTMLParser(text)
    except Exception as exc:  # the parser's own error and ValueError both stand for a page that it can't take
        raise UnreadableError(f"can't be read as a web page: {exc}") from exc
    outline = _Outline()
    root = _main(page)
    if root is not None:
        _walk(root, outline)
    title = page.css_first("title")
    name = " ".join(title.text().split()) if title is not None else ""
    yield TextPart(source.file, tuple(chunk_sections(outline.end(), title=name[:200] or source.title)))


def _decode(source: Source) -> str:
    size = source.path.stat().st_size
    if size > MAX_BYTES:
        raise UnreadableError(f"has {size} bytes; a web page has at most {MAX_BYTES}. Split it.")
    data = source.path.read_bytes()
    declared = _CHARSET.search(data[:2_000])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = encoding_of(source)
    try:
        return data.decode(declared.group(1).decode() if declared else encoding)
    except (LookupError, ValueError):
        return data.decode(encoding, "replace")


def _main(page: LexborHTMLParser) -> LexborNode | None:
    for selector in ("main", "article"):
        found = page.css(selector)
        if len(found) == 1:
            return found[0]
    return page.body


class _Outline:
    """Sections as they grow: headings above, and lines."""

    def __init__(self) -> None:
        self._sections: list[tuple[list[str], list[str]]] = [([""] * 6, [])]
        self._words: list[str] = []

    def add(self, text: str) -> None:
        """Add text to the line."""
        self._words.append(text)

    def end_line(self) -> None:
        """End the line."""
        line = " ".join("".join(self._words).split())
        self._words.clear()
        if line:
            self._sections[-1][1].append(line)

    def add_lines(self, text: str) -> None:
        """End the line and add lines as they are, such as those of code."""
        self.end_line()
        self._sections[-1][1].extend(line.rstrip() for line in text.splitlines() if line.strip())

    def end_heading(self, level: int) -> None:
        """Make the line a heading."""
        heading = " ".join("".join(self._words).split())
        self._words.clear()
        if heading:
            path = self._sections[-1][0]
            self._sections.append(([*path[: level - 1], heading, *[""] * (6 - level)], []))

    def end(self) -> list[tuple[list[str], list[str]]]:
        """Return all sections."""
        self.end_line()
        return self._sections


def _walk(root: LexborNode, outline: _Outline) -> None:
    """Go through a page in order. Not recursive: a page may be nested deeper than Python's stack."""
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, left = stack.pop()
        tag = node.tag or ""
        if left:
            _leave(tag, outline)
        elif node.is_text_node:
            outline.add(node.text_content or "")
        elif tag == "pre":
            outline.add_lines(node.text())
        elif tag == "table" and _is_data(node):
            outline.end_line()
            _table(node, outline)
        elif node.is_element_node and not _is_left_out(node, tag):
            _enter(node, tag, outline)
            stack.append((node, True))
            stack += [(child, False) for child in reversed(list(node.iter(include_text=True)))]


def _enter(node: LexborNode, tag: str, outline: _Outline) -> None:
    if tag == "br" or not _INLINE.fullmatch(tag):
        outline.end_line()
    if tag == "img":
        outline.add(f" {node.attributes.get('alt') or ''} ")


def _leave(tag: str, outline: _Outline) -> None:
    if re.fullmatch(r"h[1-6]", tag):
        outline.end_heading(int(tag[1]))
    elif not _INLINE.fullmatch(tag):
        outline.end_line()


def _is_left_out(node: LexborNode, tag: str) -> bool:
    if _LEFT_OUT.fullmatch(tag):
        return True
    given = node.attributes
    hidden = "hidden" in given or given.get("aria-hidden") == "true" or given.get("role") == "navigation"
    return hidden or _HIDDEN.search((given.get("style") or "").lower()) is not None


def _is_data(table: LexborNode) -> bool:
    """Whether a table holds data: it names its columns and holds no other table. Others only place things."""
    return table.css_first("th") is not None and table.css_first("table table") is None


def _table(table: LexborNode, outline: _Outline) -> None:
    header: list[str] = []
    for row in table.css("tr"):
        cells = [" ".join(cell.text(separator=" ").split()) for cell in row.css("th, td")]
        if not header and row.css_first("td") is None:
            header = cells
            continue
        names = [*header, *[""] * len(cells)]
        outline.add(" | ".join(f"{n}: {c}" if n else c for n, c in zip(names, cells, strict=False) if c))
        outline.end_line()
