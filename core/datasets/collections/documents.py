"""What a collection's documentation says: of R packages (reStructuredText or HTML), data packages, and READMEs."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selectolax.lexbor import LexborHTMLParser

MAX_BYTES = 1_000_000

_TITLE = re.compile(r"^(?P<name>\S[^\n]*)\n([=~-])\2{2,}[ \t]*$", re.MULTILINE)
_DEFINITION = re.compile(
    r"^(?P<name>[^\s:*|+-][^\n]{0,80})\n[ \t]{3,}(?P<text>\S[^\n]*(?:\n[ \t]{3,}[^\n]+)*)", re.MULTILINE
)
_BULLET = re.compile(
    r"^[-*] (?:\*\*|``?)?(?P<name>[^\n*:`]{1,80}?)(?::?(?:\*\*|``?)|:)[:\s–-]+(?P<text>[^\n]+(?:\n  +[^\n]+)*)",
    re.MULTILINE,
)
_CELLS = re.compile(r"^\|? *(?P<name>[^|\n]{1,80}?) *\| *(?P<text>[^|\n]+?) *(?:\|[^\n]*)?$", re.MULTILINE)
_SECTIONS = {"description", "usage", "format", "details", "source", "references", "see also", "examples", "note"}


def read_document(path: Path) -> str:
    """Return a document's first MAX_BYTES as text; nothing when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def read_package(path: Path) -> dict[str, Any]:
    """Return a `datapackage.json`; nothing when it is none."""
    try:
        value = json.loads(read_document(path))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def package_columns(package: dict[str, Any]) -> dict[str, str]:
    """Return what a data package says of its columns."""
    fields = package.get("schema")
    resources = package.get("resources")
    if fields is None and isinstance(resources, list) and resources and isinstance(resources[0], dict):
        fields = resources[0].get("schema")
    fields = fields.get("fields") if isinstance(fields, dict) else None
    named = [field for field in fields or [] if isinstance(field, dict) and field.get("name")]
    return {str(field["name"]): str(field["description"]) for field in named if field.get("description")}


def document_sections(text: str) -> dict[str, str]:
    """Return the sections of an R package's page in reStructuredText or HTML, by lower-case name."""
    if text.lstrip().startswith("<"):
        return dict(_html_sections(text))
    found = [m for m in _TITLE.finditer(text) if m["name"].strip().lower() in _SECTIONS]
    ends = [*(m.start() for m in found[1:]), len(text)][: len(found)]
    return {m["name"].strip().lower(): text[m.end() : end].strip() for m, end in zip(found, ends, strict=True)}


def _html_sections(text: str) -> Iterator[tuple[str, str]]:
    for heading in LexborHTMLParser(text).css("h3"):
        lines: list[str] = []
        node = heading.next
        while node is not None and node.tag not in {"h2", "h3"}:
            names = [" ".join(n.text().split()) for n in node.css("dt, td:first-child")] if node.is_element_node else []
            texts = [" ".join(n.text().split()) for n in node.css("dd, td:nth-child(2)")] if names else []
            lines += [f"{name}\n   {text}\n" for name, text in zip(names, texts, strict=False)]
            lines += [] if names else [node.text_content or "" if node.is_text_node else node.text()]
            node = node.next
        yield heading.text().strip().lower(), "\n".join(lines).strip()


def described_columns(text: str, names: list[str]) -> dict[str, str]:
    """Return what a document says of these columns: in definitions, lists, or tables whose first cell names one."""
    known = {_key(name): name for name in names if _key(name)}
    found: dict[str, str] = {}
    for first, *others in _html_rows(text):
        if _key(first) in known and others:
            found.setdefault(known[_key(first)], max(others, key=len))
    for pattern in (_DEFINITION, _BULLET, _CELLS):
        for match in pattern.finditer(text):
            name = known.get(_key(match["name"]))
            meaning = _plain(match["text"])
            if name is not None and meaning:
                found.setdefault(name, meaning)
    return found


def _html_rows(text: str) -> Iterator[list[str]]:
    for row in LexborHTMLParser(text).css("tr") if "<td" in text else ():
        cells = [" ".join(cell.text().split()) for cell in row.css("td")]
        if cells:
            yield cells


def first_paragraphs(text: str, *, most: int = 1500) -> tuple[str, str]:
    """Return a README's title, and its first prose."""
    title = re.search(r"^#+ +(.+?)#*$", text, re.MULTILINE)
    blocks = re.split(r"\n\s*\n", re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL))
    prose = [" ".join(block.split()) for block in blocks if not re.match(r"\s*(#|\||```|<|[-*] |\w+ \| )", block)]
    return (_plain(title[1]) if title else ""), _plain(" ".join(prose))[:most]


def _key(name: str) -> str:
    return " ".join(re.sub(r"[`*\\_\"']", " ", name).lower().split())


def _plain(text: str) -> str:
    unlinked = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"``|\*\*|`", "", unlinked).split())
