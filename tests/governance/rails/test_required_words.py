import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.rails.exfiltration import build_exfiltration_rail
from governance.rails.fold import fold
from governance.rails.pii import build_pii_rail
from governance.rails.required_words import lower_case, required_words
from governance.rails.retrieval_injection import build_retrieval_injection_rail
from governance.rails.secrets import build_secrets_rail

RAILS = (build_pii_rail(), build_secrets_rail(), build_exfiltration_rail(), build_retrieval_injection_rail())
RULES = [rule for rail in RAILS for rule in rail._rules]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("born", {"born"}),
        ("(?i:Born|died) in [0-9]{4}", {"born in ", "died in "}),
        (r"tax[ _-]?id\W", {"taxid", "tax id", "tax_id", "tax-id"}),
        (r"(?=(?<!x)(?:pass(?:word)?|pwd)\s*[:=]\s*(?P<span>\S+))", {"pass", "pwd"}),  # "password" holds "pass"
        (r"[0-9]{3}(?:abc)?[0-9]", set()),
        (r"[0-9](?:abc)+[0-9]", {"abc"}),
        (r"[0-9]a[0-9]", set()),  # one letter is in most texts
        (r"(?:abc|[0-9]+)d", set()),
        (r"abc(?!def)", {"abc"}),
        (r"(?<=key )[0-9]+", set()),  # what stands before may be in another piece of a text
        ("сбербанк", set()),
    ],
)
def test_words_of_a_pattern_are_those_that_it_can_not_match_without(pattern: str, words: set[str]) -> None:
    assert set(required_words(re.compile(pattern))) == words


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_a_shipped_rule_finds_holds_one_of_its_words(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(RULES))
    text = fold(data.draw(st.from_regex(rule.pattern)))
    if any(rule.matches(text, 0)):
        assert rule.may_match(lower_case(text))


def test_most_shipped_rules_have_words() -> None:
    assert sum(bool(rule.words) for rule in RULES) > 0.75 * len(RULES)


def test_letters_that_a_pattern_takes_for_a_plain_one_are_plain_in_lower_case() -> None:
    letters = re.compile("[a-z]", re.IGNORECASE)
    taken = [char for char in map(chr, range(128, 0x110000)) if letters.fullmatch(fold(char))]
    assert "ı" in taken
    assert [char for char in taken if not lower_case(fold(char)).isascii()] == []
