"""Splits text into the units that an answer may quote: sentences, list items, table rows. Pure.

Knows English abbreviations only; in another language a unit may end one sentence too early, never in a wrong text.
"""

import re

CELLS = " | "  # between the cells of a table's row
MAX_UNIT = 600  # characters: longer runs without a full stop are cut at a space, so that a quotation stays readable

_SHORTENED = """
mr mrs ms dr prof st sr jr gen col sgt capt lt rev hon gov sen rep pres messrs mt ft e.g i.e eg ie cf vs viz al
ca approx est incl excl resp no nos fig figs eq sec ch vol ed eds pp p art para ref tel ext dept univ assn bros
jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun inc ltd corp co llc
plc ave blvd rd u.s u.k u.n d.c a.m p.m ph.d m.d b.a m.a b.sc m.sc
"""
_ABBREVIATIONS = frozenset(_SHORTENED.split())
_MAY_END = """
inc ltd corp co llc plc u.s u.k u.n d.c a.m p.m ph.d m.d b.a m.a b.sc m.sc al
"""
_ENDS_BEFORE_CAPITAL = frozenset(_MAY_END.split())
_OPENING = """
the a an this that these those it he she they we you i in on at for to but and as if when
"""
_OPENERS = frozenset(_OPENING.split())
_BOUNDARY = re.compile(r"[.!?…]+[\"”’'»)\]]*(?=\s)|[。！？]+[”」』）]*")
_WORD_BEFORE = re.compile(r"[\w.]*\w$")
_WORD_AFTER = re.compile(r"\s*[\"“‘'«(\[]*([\w']*)")
_NUMBERING = re.compile(r"\s*[(\[]?(\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})$")


def split_sentences(text: str) -> list[str]:
    """Return the units of a text in order, each a verbatim piece of it without surrounding space.

    A line is never joined with the next one. A line with " | " is a table row and stays whole. Together the units hold
    every character of the text that is not a space.
    """
    units: list[str] = []
    for line in text.splitlines():
        pieces = [line] if CELLS in line else _split_line(line)
        units += [unit for piece in pieces for unit in _bounded(piece.strip())]
    return units


def _split_line(line: str) -> list[str]:
    pieces, start = [], 0
    for match in _BOUNDARY.finditer(line):
        if _ends_sentence(line, start, match):
            pieces.append(line[start : match.end()])
            start = match.end()
    return [*pieces, line[start:]]


def _ends_sentence(line: str, start: int, match: re.Match[str]) -> bool:
    if match.group()[0] != ".":
        return not _is_lower(line, match.end()) or match.group()[0] in "。！？"
    before = line[start : match.start()]
    if _NUMBERING.fullmatch(before) or _is_lower(line, match.end()):
        return False
    word = _WORD_BEFORE.search(before)
    return word is None or not _is_abbreviation(word.group(), line, match.end())


def _is_lower(line: str, position: int) -> bool:
    following = _WORD_AFTER.match(line, position)
    return following is not None and following.group(1)[:1].islower()


def _is_abbreviation(word: str, line: str, position: int) -> bool:
    if len(word) == 1 and word.isalpha() and word.isupper() and word != "I":
        return True  # an initial
    lowered = word.lower()
    if lowered not in _ABBREVIATIONS:
        return False
    if lowered not in _ENDS_BEFORE_CAPITAL:
        return lowered != "no" or line[position:].lstrip()[:1].isdigit()
    following = _WORD_AFTER.match(line, position)
    return following is None or following.group(1).lower() not in _OPENERS


def _bounded(unit: str) -> list[str]:
    pieces = []
    while len(unit) > MAX_UNIT:
        cut = max(unit.rfind(" ", 0, MAX_UNIT), unit.rfind("\t", 0, MAX_UNIT))
        cut = cut if cut > 0 else MAX_UNIT
        pieces.append(unit[:cut].rstrip())
        unit = unit[cut:].lstrip()
    return [*pieces, unit] if unit else pieces
