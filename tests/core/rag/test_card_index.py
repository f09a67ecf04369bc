import pytest

from core.config import Settings
from core.rag.card_index import CardIndex, CardText, open_cards
from core.rag.embedding import Embedder

ROWING = CardText(
    "rowing", "v1", "Rowing", "Results of the national rowing regatta, by year.",
    {"Year": ["2003", "2004"], "Club": ["Nautilus", "Seagulls", "Otters"], "Time": ["7.1", "6.9"]},
)  # fmt: skip
BAKERY = CardText(
    "bakery", "v1", "Bakery", "What the bakery sells, with prices.",
    {"Item": ["Rye bread", "Pretzel"], "Price": ["3.20", "1.10"]},
)  # fmt: skip


@pytest.fixture
def cards(settings: Settings, embedder: Embedder) -> CardIndex:
    index = open_cards(settings, embedder)
    index.add([ROWING, BAKERY])
    return index


def found(cards: CardIndex, query: str, *ids: str) -> list[str]:
    return [i for i, _ in cards.search(query, dataset_ids=ids or None, top_k=5)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [("Which boat won?", "rowing"), ("Who were the otters?", "rowing"), ("How much is a loaf?", "bakery")],
    ids=["meaning", "cell", "meaning of prices"],
)
def test_dataset_that_a_question_is_about_comes_first(cards: CardIndex, query: str, expected: str) -> None:
    assert found(cards, query)[0] == expected


def test_columns_are_found_by_meaning_beside_a_long_description(cards: CardIndex) -> None:
    about = "The museum of the harbour opened in the old customs house, and was extended twice since then. " * 20
    cards.add(
        [
            CardText("visits", "v1", "Museum", about, {"Nation": ["Peru", "Chad"], "Gold": ["2", "1"]}),
            CardText("rooms", "v1", "Museum", about, {"Room": ["Attic", "Cellar"], "Floor": ["5", "0"]}),
        ]
    )
    assert found(cards, "Which country got the fewest medals?", "visits", "rooms")[0] == "visits"
    assert found(cards, "On what storey is it?", "visits", "rooms")[0] == "rooms"


def test_word_of_every_row_counts_no_more_than_one_of_one_row(cards: CardIndex) -> None:
    once = {"Place": ["Lima", "Oslo", "Rome"], "Sort": ["quartz", "opal", "beryl"]}
    often = {"Place": ["Quartz Bay", "Quartz Hill", "Quartz Mill"], "Sort": ["opal", "pearl", "beryl"]}
    cards.add([CardText("once", "v1", "Stones", "", once), CardText("often", "v1", "Stones", "", often)])
    assert CardText("often", "v1", "Stones", "", often).words().split().count("quartz") == 1
    assert found(cards, "Lima quartz", "once", "often")[0] == "once"


def test_words_that_many_questions_hold_count_less(settings: Settings, embedder: Embedder) -> None:
    cards = open_cards(settings, embedder)
    fillers = [CardText(f"f{n}", "v1", f"Filler {n}", "", {"Thing": [f"thing{n}"]}) for n in range(20)]
    asked = CardText("asked", "v1", "A", "", {"x": ["total", "year"]})
    named = CardText("named", "v1", "B", "", {"x": ["Marrakesh", "Samarkand"]})
    cards.add([*fillers, asked, named])
    by_words = cards.pool("total year Marrakesh", dataset_ids=None, top_k=30, vector=embedder.embed(["total"])[0])[1]
    assert by_words["named"] > by_words["asked"]


def test_only_given_datasets_are_found(cards: CardIndex) -> None:
    assert found(cards, "Who won the rowing regatta?", "bakery", "unknown") == ["bakery"]
    assert cards.search("Who won the rowing regatta?", dataset_ids=[], top_k=5) == []


def test_card_is_replaced_and_removed(cards: CardIndex, settings: Settings, embedder: Embedder) -> None:
    cards.add([])
    cards.add([CardText("bakery", "v2", "Observatory", "Telescopes and stars.", {})])
    again = open_cards(settings, embedder)
    assert found(again, "telescope")[0] == "bakery"
    assert found(again, "pretzel", "bakery") == ["bakery"]  # by meaning alone
    again.remove("bakery")
    assert found(again, "telescope") == ["rowing"]


def test_card_that_another_process_adds_is_found(cards: CardIndex, settings: Settings, embedder: Embedder) -> None:
    assert found(cards, "Which telescope is largest?")[0] in ("rowing", "bakery")
    other = open_cards(settings, embedder)
    other.add([CardText("stars", "v1", "Observatory", "Telescopes, stars.", {})])
    assert found(cards, "Which telescope is largest?")[0] == "stars"
    assert "stars" not in found(cards, "Which telescope is largest?", "rowing", "bakery")
    assert found(cards, "A look at far galaxies", "stars", "unknown") == ["stars"]  # by meaning alone


def test_cards_and_chunks_do_not_mix(cards: CardIndex, vectors, lexical) -> None:
    assert vectors.count("rowing") == lexical.count("rowing") == 0


def test_card_says_what_it_is_its_columns_and_some_values_and_holds_the_word_of_every_cell() -> None:
    about, columns, shown = ROWING.parts()
    assert about == "Rowing\nResults of the national rowing regatta, by year."
    assert columns == "Year, Club, Time"
    assert shown == "Club: Nautilus, Seagulls, Otters"
    assert {"2003", "nautilus", "6", "9", "regatta"} <= set(ROWING.words().split())
    assert CardText("empty", "v1", "Empty", "", {}).parts() == ["Empty\n"]
