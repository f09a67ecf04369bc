import base64
import json

from apps.chat.turn_panel import rate, receipt_url, short_digest, step_table


def test_steps_stand_in_the_order_of_the_turn_with_shares_of_the_longest() -> None:
    steps = step_table({"generate": 50.0, "authorise": 1.0, "retrieve": 100.0})
    assert [(step.name, step.share) for step in steps] == [
        ("Check the right to ask", 0.01),
        ("Search the datasets", 1.0),
        ("Generate", 0.5),
    ]


def test_steps_of_nothing_are_none() -> None:
    assert step_table({}) == []
    assert step_table({"authorise": 0.0})[0].share == 0.0


def test_receipt_url_holds_the_receipt() -> None:
    receipt = {"entry": "é", "index": 3}
    head, _, data = receipt_url(receipt).partition(",")
    assert head == "data:application/json;base64"
    assert json.loads(base64.b64decode(data)) == receipt


def test_rate_is_not_measured_without_tokens_or_time() -> None:
    assert rate(10, 500.0) == 20.0
    assert rate(None, 500.0) is None
    assert rate(10, None) is None
    assert rate(10, 0.0) is None


def test_short_digest_leaves_the_algorithm_out() -> None:
    assert short_digest("sha256:" + "ab" * 32) == "abababababab"
