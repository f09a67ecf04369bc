"""Reads single cells: numbers, dates, yes and no. Strict, for whole columns; what it can't be sure of stays text."""

import re
from datetime import date, datetime

MISSING = frozenset({"", "-", "–", "—", "na", "n/a", "nan", "null", "none", "?"})
"""How tables write that a cell holds nothing, in lower case."""

_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d{0,17}|[1-9]\d{0,2}(?:,\d{3}){1,5})")
_NUMBER = re.compile(
    r"(?P<sign>[+−-]?)\s?[$€£¥]?\s?(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?P<power>[eE][+-]?\d{1,3})?\s?%?"
)
_WRITTEN_DATE = re.compile(r"\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{4}|[A-Za-z]{3,9} \d{1,2}, \d{4}")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FORMATS = ("%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


def is_missing(text: str) -> bool:
    """Return whether a cell holds nothing."""
    return text.strip().lower() in MISSING


def read_integer(text: str) -> int | None:
    """Return the integer that a cell is, thousands' separators allowed; None for a code such as 007."""
    text = text.strip()
    return int(text.replace(",", "")) if _INTEGER.fullmatch(text) else None


def read_number(text: str) -> float | None:
    """Return the number that a cell is; a currency before it and a per cent sign behind it are left out."""
    text = text.strip()
    if text[:1] == "(" and text[-1:] == ")":  # how accountants write a loss
        loss = read_number(text[1:-1])
        return None if loss is None or loss < 0 else -loss
    found = _NUMBER.fullmatch(text)
    if found is None or (found["digits"][0] == "0" and found["digits"][1:2].isdigit()):
        return None
    value = float(found["digits"].replace(",", "") + (found["power"] or ""))
    if value == float("inf"):
        return None
    return -value if found["sign"] in ("-", "−") else value


def read_date(text: str) -> date | None:
    """Return the day that a cell is; None where day and month can't be told apart, as in 3/4/2001."""
    text = text.strip()
    try:
        if _ISO_DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        return None
    if not _WRITTEN_DATE.fullmatch(text):
        return None
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 (a day has no zone)
        except ValueError:
            continue
    return None


def read_boolean(text: str) -> bool | None:
    """Return what yes, no, true or false say."""
    return _BOOLEANS.get(text.strip().lower())
