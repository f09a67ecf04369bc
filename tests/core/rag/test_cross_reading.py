"""Tests for joining the reader with the cross-encoder, and for the bundled cross-encoder itself."""

import math
from pathlib import Path

import pytest

from core.encoder.cross_encoder import BUNDLED, CrossEncoder
from core.errors import ModelError
from core.rag.cross_reading import JOINT, LESS, READ, UNREAD, CrossReading, asked_units, says_unit

CABIN = (
    "Cabin rules > Arrival and departure",
    (
        "Guests hand in the keys at the front desk by eleven in the morning.",
        "The front desk is staffed from seven to nine.",
        "Bed linen is washed every Saturday.",
        "Dogs sleep in the hall, never in the bedrooms.",
    ),
)
KITCHEN = ("Cabin rules > Kitchen", ("The stove is cleaned after each meal.", "Gas bottles are stored outside."))


@pytest.fixture(scope="module")
def encoder() -> CrossEncoder:
    return CrossEncoder()


def join(encoder: CrossEncoder, question: str, scores: list[list[float]], **meanings: list[list[float]]):
    passages = [CABIN, KITCHEN][: len(scores)]
    given = meanings.get("meanings", [[0.0] * len(each) for each in scores])
    return CrossReading(encoder).score(question, passages, scores, meanings=given)


@pytest.mark.parametrize(
    ("question", "answer"),
    [("Where does my puppy spend the night?", 3), ("how often do i get fresh sheets", 2)],
)
def test_answer_in_other_words_is_judged_best(encoder: CrossEncoder, question: str, answer: int) -> None:
    found, other = encoder.score(question, [CABIN, KITCHEN])
    assert found.index(max(found)) == answer
    assert max(found) > max(other)


def test_question_that_nothing_answers_is_judged_lower(encoder: CrossEncoder) -> None:
    answered, not_answered = (
        max(encoder.score(question, [CABIN])[0])
        for question in ("When do I have to give back the keys?", "What does a lost key cost?")
    )
    assert answered > not_answered


def test_scores_stay_the_same_whatever_was_read_before(encoder: CrossEncoder) -> None:
    alone = encoder.score("Who washes the linen?", [CABIN])
    encoder.score("Where is the gas?", [KITCHEN])
    assert encoder.score("Who washes the linen?", [KITCHEN, CABIN])[1] == alone[0]


def test_long_passages_are_read_whole(encoder: CrossEncoder) -> None:
    sentences = [f"Room {n} has a view of the lake and a wooden balcony with two chairs." for n in range(60)]
    (scores,) = encoder.score("What does room 59 look out on?", [("Rooms > List", sentences)])
    assert len(scores) == 60


def test_both_readers_count(encoder: CrossEncoder) -> None:
    question = "Where does my puppy spend the night?"
    ((low, *_, dogs),) = join(encoder, question, [[0.5, 0.5, 0.5, 0.5]])
    assert dogs > low
    ((raised, *_),) = join(encoder, question, [[0.9, 0.5, 0.5, 0.5]])
    assert raised > low
    assert all(0 <= score <= 1 for score in (low, dogs, raised))


def test_only_the_likeliest_passages_are_judged(encoder: CrossEncoder) -> None:
    question = "Where does my puppy spend the night?"
    passages = [(f"Cabin {n} > Pets", ("Dogs sleep in the hall.",)) for n in range(READ + 2)]
    scores = [[0.4]] * READ + [[0.3], [0.3]]
    joined = CrossReading(encoder).score(question, passages, scores, meanings=[[0.0]] * READ + [[0.0], [0.5]])
    read = [each[0] for each in joined]
    assert read[-2] == min(read)
    assert read[-1] > read[-2]
    assert JOINT.cross > 0 > UNREAD


@pytest.mark.parametrize(
    ("question", "sentences"),
    [
        ("Where does my puppy spend the night?", ("Problem: The dog barks.", "Resolution: It sleeps in the hall.")),
        ("Where does my puppy spend the night?", ("Name: Rex | Sleeps in: hall",)),
        ("Where will dogs sleep in 2031?", CABIN[1]),
    ],
    ids=["record", "row", "number that is not there"],
)
def test_what_it_can_not_judge_is_left_to_the_reader(
    encoder: CrossEncoder, question: str, sentences: tuple[str, ...]
) -> None:
    scores = [[0.4] * len(sentences)]
    assert CrossReading(encoder).score(question, [("Pets > Night", sentences)], scores, meanings=scores) == scores


def test_passages_without_sentences_are_left_alone(encoder: CrossEncoder) -> None:
    assert CrossReading(encoder).score("q", [("a", ())], [[]], meanings=[[]]) == [[]]
    assert CrossReading(encoder).score("q", [], [], meanings=[]) == []


def test_other_weights_are_refused(tmp_path: Path) -> None:
    for name in ("model.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((BUNDLED / name).read_bytes())
    (tmp_path / "weights.safetensors").write_bytes(b"others")
    with pytest.raises(ModelError, match="digest"):
        CrossEncoder(tmp_path).score("q", [CABIN])


def test_sentence_with_another_number_is_left_to_the_reader(encoder: CrossEncoder) -> None:
    passage = ("Router > Alarms", ("Alarm 4 means that the spindle stands still.", "Alarm 6 means an open door."))
    scores = [[0.7, 0.4]]
    ((named, other),) = CrossReading(encoder).score("What does alarm 4 mean?", [passage], scores, meanings=scores)
    assert other == 0.4
    assert named != 0.7


def test_nothing_is_loaded_where_there_is_nothing_to_judge(tmp_path: Path) -> None:
    row = ("Pets > Rows", ("Name: Rex | Sleeps in: hall",))
    reading = CrossReading(CrossEncoder(tmp_path / "missing"))
    assert reading.score("Where does Rex sleep?", [row], [[0.4]], meanings=[[0.4]]) == [[0.4]]


def test_amounts_per_day_answer_where_so_much_per_day_is_asked_for(encoder: CrossEncoder) -> None:
    passages = [
        ("Travel > Meals", ("Up to 60 USD a day is paid for meals.", "So 120 USD is paid for meals of both days."))
    ]
    scores = [[0.6, 0.6]]
    plain = CrossReading(encoder).score("How much is paid for meals?", passages, scores, meanings=scores)
    daily = CrossReading(encoder).score("How much is paid for meals per day?", passages, scores, meanings=scores)
    unsaid = CrossReading(encoder).score("How much is paid for meals per week?", passages, scores, meanings=scores)
    (raw,) = encoder.score("How much is paid for meals per day?", passages)
    assert odds(daily[0][0]) - odds(daily[0][1]) == pytest.approx(JOINT.cross * (raw[0] - raw[1]) + LESS, abs=1e-6)
    (raw,) = encoder.score("How much is paid for meals?", passages)
    assert odds(plain[0][0]) - odds(plain[0][1]) == pytest.approx(JOINT.cross * (raw[0] - raw[1]), abs=1e-6)
    (raw,) = encoder.score("How much is paid for meals per week?", passages)
    assert odds(unsaid[0][0]) - odds(unsaid[0][1]) == pytest.approx(JOINT.cross * (raw[0] - raw[1]), abs=1e-6)


@pytest.mark.parametrize(
    ("question", "sentence", "said"),
    [
        ("What is paid per day?", "60 USD a day are paid.", True),
        ("What is the daily allowance?", "60 USD a day are paid.", True),
        ("What is paid per day?", "On half days 30 USD are paid.", False),
        ("How much per kilometer?", "0.42 USD per kilometre.", True),
        ("What does an employee get?", "Two days.", True),
    ],
)
def test_units_are_told_in_other_words_too(question: str, sentence: str, *, said: bool) -> None:
    assert says_unit(asked_units(question), sentence) is said


def odds(score: float) -> float:
    return math.log(score / (1 - score))
