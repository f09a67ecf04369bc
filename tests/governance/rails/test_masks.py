from governance.rails.masks import Masker, Span, merge_spans
from governance.schema import Finding


def finding(category: str, start: int, end: int, score: float = 0.9) -> Finding:
    return Finding("pii", category, score, start, end)


def test_same_value_has_same_label_however_it_is_written() -> None:
    masker = Masker()
    assert masker.label("credit_card", "4111 1111 1111 1111") == "[CREDIT_CARD_1]"
    assert masker.label("credit_card", "4111-1111-1111-1111") == "[CREDIT_CARD_1]"
    assert masker.label("credit_card", "5500005555555559") == "[CREDIT_CARD_2]"
    assert masker.label("email", "JANE@example.com") == masker.label("email", "jane@example.com") == "[EMAIL_1]"


def test_labels_already_in_a_text_are_not_given_again() -> None:
    masker = Masker()
    masker.reserve(["we wrote to [EMAIL_3] and [EMAIL_1]"])
    assert masker.label("email", "a@example.com") == "[EMAIL_4]"


def test_overlapping_findings_merge_under_the_surest_category() -> None:
    spans = merge_spans([finding("phone", 5, 12, 0.7), finding("us_ssn", 3, 9, 0.95), finding("email", 12, 20)])
    assert spans == [Span(3, 12, "us_ssn"), Span(12, 20, "email")]


def test_mask_leaves_the_rest_of_the_text_as_it_is() -> None:
    text = "a 123 b 123 c"
    assert Masker().mask(text, [Span(2, 5, "x"), Span(8, 11, "x")]) == "a [X_1] b [X_1] c"
