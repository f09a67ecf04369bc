"""Forms that the rules for personal data share: a value that a word before it names, how dates and ids are written."""

# ruff: noqa: E501 - a pattern is read as one line

import re
from collections.abc import Callable

from governance.rails.pattern_rail import Rule, rule

MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec|january|february|march|april|june|july|august|september|october|november|december)"
DATE = (
    rf"(?:[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-](?:[0-9]{{4}}|[0-9]{{2}})|[0-9]{{4}}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}\.?,? [0-9]{{4}}|[0-9]{{1,2}}[-/.]{MONTH}[-/.](?:[0-9]{{4}}|[0-9]{{2}})"
    rf"|{MONTH}\.? [0-9]{{1,2}}(?:st|nd|rd|th)?,? [0-9]{{4}})"
)
# What may stand between a name and its value: signs of tables, Markdown and JSON, and a few words.
SAYS = (
    r"(?:[ \t:#=.,'\"()*|_`-]"
    r"|(?<![A-Za-z])(?:number|no|num|nr|is|was|id|my|the|of|s|card|patient|code)(?![A-Za-z])){0,8}"
)
ID = r"(?=[A-Z/_-]{0,10}[0-9])(?!(?:19|20)[0-9]{2}(?![\w-]))[A-Z0-9](?:[A-Z0-9]|[/_-](?=[A-Z0-9])){3,29}"


def named(
    category: str,
    score: float,
    words: str,
    value: str,
    *,
    end_of: Callable[[re.Match[str]], int | None] | None = None,
) -> Rule:
    """Build a rule for a value that a word before it names; a name of several words may be written as a key, too."""
    pattern = rf"(?<![A-Za-z])(?:{words.replace(' ', '[ _-]?')})(?![A-Za-z]){SAYS}(?<![A-Za-z0-9])(?P<span>{value})(?![A-Za-z0-9])"
    return rule(category, score, pattern, end_of=end_of, needs="0123456789", ignore_case=True)
