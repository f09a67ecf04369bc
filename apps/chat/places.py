"""Where evidence stands, as citations and their sources show it: a page, rows, a heading, or the query of a table."""

import re
from dataclasses import dataclass

_QUERY = "Query: "
_SHORT = re.compile(r"(?:Pages?|Rows?) \d[\d,]*(?:[-–]\d[\d,]*)?")
_CLAUSE = re.compile(r"""("[^"]*"|'[^']*')|\s+(?=(?:FROM|WHERE|GROUP BY|HAVING|ORDER BY|LIMIT)\b)""")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of evidence stands.

    Attributes:
        full: Document and place, such as "Price list › Rows 11-20".
        short: What a citation has room for, such as "Page 4"; empty where the place is a heading.
        query: The SQL that a table answered, a clause a line; empty for text.
    """

    full: str
    short: str
    query: str = ""


NOWHERE = Place("", "")


def read_place(document: str, place: str) -> Place:
    """Return a place as it is shown."""
    where, _, query = place.partition(_QUERY)
    where = where.strip().rstrip(".")
    full = f"{document} › {where}" if where else document
    if query:
        return Place(full, "Query", format_query(query))
    short = _SHORT.fullmatch(where.rpartition(" > ")[2])
    return Place(full, short.group() if short else "")


def text_alone(text: str, place: str) -> str:
    """Return the text of evidence without its place, which the answer of a table has as its last line."""
    return text.removesuffix(f"\n{place}") if place else text


def format_query(query: str) -> str:
    """Return SQL with each clause on a line of its own; what stands in quotes stays as it is."""
    return _CLAUSE.sub(lambda found: found[1] or "\n", query.strip())
