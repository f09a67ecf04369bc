import pytest

from core.rag.lexical import LexicalIndex
from core.rag.reader import Reader, is_beside, names_missed
from core.schema import Chunk

MEALS = [
    "The policy covers meals and hotels.",
    "Meals are refunded up to 60 USD a day.",
    "Receipts are kept by the Finance team for one year.",
    "The nozzle is made of brass.",
]


@pytest.fixture
def reader(lexical: LexicalIndex) -> Reader:
    with lexical.writing() as writer:
        writer.add([Chunk(f"c{n}", "d", "v", "Policy", "Place", n, text) for n, text in enumerate(MEALS)])
        writer.commit()
    return Reader(lexical)


def best(reader: Reader, question: str, sentences: list[str] = MEALS, *, context: str = "") -> str:
    scores = reader.score(question, sentences, context=context, similarity=0.5)
    return sentences[scores.index(max(scores))]


def test_scores_are_probabilities_one_per_sentence(reader: Reader) -> None:
    scores = reader.score("How much are meals refunded per day?", MEALS, similarity=0.6)
    assert len(scores) == len(MEALS)
    assert all(0 < s < 1 for s in scores)


def test_sentence_that_answers_scores_highest(reader: Reader) -> None:
    assert best(reader, "How much are meals refunded per day?") == MEALS[1]
    assert best(reader, "Who keeps the receipts?") == MEALS[2]


def test_answer_scores_above_the_default_threshold_and_the_unrelated_below(reader: Reader) -> None:
    assert max(reader.score("How much are meals refunded per day?", MEALS, similarity=0.6)) > 0.35
    assert max(reader.score("What is the capital of France?", MEALS, similarity=0.05)) < 0.35


def test_similarity_and_headings_raise_a_score(reader: Reader) -> None:
    question, sentence = "How much for a hotel in Paris?", ["Rooms are refunded up to 180 USD."]
    (plain,) = reader.score(question, sentence)
    assert reader.score(question, sentence, similarity=0.5)[0] > plain
    assert reader.score(question, sentence, context="Travel policy Hotel")[0] > plain


def test_last_line_of_a_follow_up_weighs_most(reader: Reader) -> None:
    both = ["Meals are refunded up to 60 USD.", "Hotels are refunded up to 180 USD."]
    assert best(reader, "How much is refunded for meals?\nAnd for hotels?", both) == both[1]
    assert best(reader, "How much is refunded for hotels?\nAnd for meals?", both) == both[0]


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("What does the saw cost?", "The saw costs 40 USD.", "The saw costs LC-40 owners nerves."),
        ("When does the saw course start?", "The saw course starts in May.", "The saw course starts with safety."),
        ("Who checks the saw?", "The saw is checked by the supervisor.", "The saw is checked by using light."),
        ("How long does the saw battery last?", "The saw battery lasts 40 minutes.", "The saw battery lasts well."),
        ("How many saws are sold?", "Saws are sold by us, 12 so far.", "Saws are sold by us, many so far."),
        ("Where is the saw kept?", "The saw is kept in the cellar.", "The saw is kept clean."),
        ("Why is the saw locked?", "The saw is locked because it cuts.", "The saw is locked with care."),
    ],
)
def test_kind_of_answer_counts(reader: Reader, question: str, answer: str, other: str) -> None:
    lacks = [f.lacks for f in reader.features(question, [answer, other])]
    assert lacks == [0, 1]
    assert best(reader, question, [other, answer]) == answer


def test_related_words_count_less_than_the_same(reader: Reader) -> None:
    same, related, none = reader.features("electricity", ["Electricity.", "Electronics.", "A step."])
    assert same.coverage == 1
    assert same.coverage > related.coverage > none.coverage == 0


@pytest.mark.parametrize("question", ["", "what is it", "\n", "???"])
def test_question_without_words_scores_low(reader: Reader, question: str) -> None:
    assert max(reader.score(question, MEALS)) < 0.1


def test_no_sentences_give_no_scores(reader: Reader) -> None:
    assert reader.score("meals", []) == []


def test_number_or_code_that_nothing_holds_lowers_a_score(reader: Reader) -> None:
    sentence = ["The LC-40 costs 4,950 USD."]
    known, unknown = (
        reader.features(f"What does the {code} cost?", sentence)[0].unknown for code in ("LC40", "LC-500")
    )
    assert (known, unknown) == (0, 1)
    assert reader.score("Cost in 2026?", sentence, context="Prices 2026") > reader.score("Cost in 2031?", sentence)


@pytest.mark.parametrize(
    ("question", "missed"),
    [
        ("What did Tesla's brother Dane do in Poland?", 1 / 3),
        ("Did the Canadian Tesla meet “Dane”?", 1 / 3),
        ("what did tesla's brother dane do?", 0.0),
        ("How? My brother left. Why? Who am I?", 0.0),
        ("What of Dane?\nDid he follow Tesla?", 0.0),
        ("", 0.0),
    ],
)
def test_names_that_a_passage_lacks_are_told(question: str, missed: float) -> None:
    assert names_missed(question, "Tesla left Poland for Canada.") == pytest.approx(missed)


def test_name_that_nothing_holds_lowers_a_score(reader: Reader) -> None:
    ours, theirs = (
        reader.score(f"What is the meal allowance in {city}?", MEALS, context="Oslo") for city in ("Oslo", "Bergen")
    )
    assert max(ours) > max(theirs)


def test_numbers_are_the_same_however_they_are_written(reader: Reader) -> None:
    (found,) = reader.features("Is 4950 right for firmware 4.1.2?", ["Firmware 4.1.2 costs 4,950."])
    assert found.unknown == 0


TICKET = [
    "Ticket: T-1031",
    "Problem: The honeycomb bed sags by 2 mm.",
    "Resolution: Two screws were tightened.",
    "Status: closed",
]


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("How was the sagging honeycomb bed solved?", 2),
        ("Why did the honeycomb bed sag?", 2),
        ("What is the status of ticket T-1031?", 3),
        ("Which problem did ticket T-1031 report?", 1),
    ],
)
def test_field_of_a_record_that_is_asked_for_answers(reader: Reader, question: str, line: int) -> None:
    assert best(reader, question, TICKET) == TICKET[line]


TUBE = "Sku: LK-TB80 | Product: Laser tube for LC-80 | Price usd: 620"
CUTTER = "Sku: LK-LC80 | Product: Larkfield LC-80 laser cutter | Price usd: 8,900"
SERVICE = "Sku: LK-SVC1 | Product: Yearly service, LC-80 and LC-150 | Price usd: 640"


@pytest.mark.parametrize(
    ("question", "beside"),
    [
        ("What is the price of the LC-80?", [True, False, True]),
        ("What does the tube for the LC-80 cost?", [False, False, True]),
        ("What does a yearly service of the LC-80 cost?", [True, False, False]),
        ("What does the LC-8 cost?", [False, False, False]),
        ("What is sold?", [False, False, False]),
    ],
)
def test_row_of_what_belongs_to_a_thing_is_not_about_the_thing(question: str, beside: list[bool]) -> None:
    assert [is_beside(question, row) for row in (TUBE, CUTTER, SERVICE)] == beside
    assert not is_beside(question, "A tube for LC-80 costs 620 USD.")


def test_row_of_another_code_does_not_answer(reader: Reader) -> None:
    rows = ["Berth: C1 | Monthly fee: 420", "Berth: C2 | Monthly fee: 430"]
    seen = reader.features("What is the monthly fee of berth C1?", rows)
    assert [each.unknown for each in seen] == [0, 1]
    assert best(reader, "What is the monthly fee of berth C2?", rows) == rows[1]


def test_row_of_the_thing_itself_is_read_first(reader: Reader) -> None:
    assert best(reader, "What is the price of the LC-80?", [TUBE, CUTTER, SERVICE]) == CUTTER
    assert best(reader, "What is the price of the tube for the LC-80?", [TUBE, CUTTER, SERVICE]) == TUBE


def test_field_that_only_repeats_the_question_does_not_answer(reader: Reader) -> None:
    record = ["Ticket: T-7", "Product: LC-80", "Problem: The LC-80 lost its price tag in the rain."]
    seen = reader.features("What is the price of the LC-80?", record)
    assert [each.unknown for each in seen] == [0, 1, 0]


def test_price_need_not_be_called_by_the_word_of_the_question(reader: Reader) -> None:
    row, words = reader.features("What does the saw cost?", ["Product: saw | Price usd: 40", "The saw costs nerves."])
    assert row.coverage == 1
    assert row.lacks < words.lacks


def test_meaning_finds_what_shared_words_do_not(reader: Reader) -> None:
    question, meanings = "What may I spend on food?", [0.1, 0.7, 0.0, 0.0]
    assert max(reader.score(question, MEALS)) < 0.35
    scores = reader.score(question, MEALS, meanings=meanings)
    assert scores.index(max(scores)) == 1
    assert scores[1] > reader.score(question, MEALS, meanings=[0.0] * len(MEALS))[1]


def test_fields_of_a_record_share_what_one_of_them_means(reader: Reader) -> None:
    record = ["Problem: The bed sags in the middle.", "Resolution: A stone plate had lain on it."]
    scores = reader.score("How was the sagging bed solved?", record, meanings=[0.8, 0.2])
    assert scores[1] > scores[0]
