import pytest

from core.config import Settings
from core.rag.card_index import CardIndex, CardText, card_text, open_cards
from core.rag.embedding import Embedder

ROWING = card_text(
    description="Results of the national rowing regatta, by year.",
    columns={"Year": ["2003", "2004"], "Club": ["Nautilus", "Seagulls", "Otters"], "Time": ["7.1", "6.9"]},
)
BAKERY = card_text(
    description="What the bakery sells, with prices.",
    columns={"Item": ["Rye bread", "Pretzel"], "Price": ["3.20", "1.10"]},
)


@pytest.fixture
def cards(settings: Settings, embedder: Embedder) -> CardIndex:
    index = open_cards(settings, embedder)
    index.add([CardText("rowing", "v1", "Rowing", ROWING), CardText("bakery", "v1", "Bakery", BAKERY)])
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


def test_only_given_datasets_are_found(cards: CardIndex) -> None:
    assert found(cards, "Who won the rowing regatta?", "bakery", "unknown") == ["bakery"]
    assert cards.search("Who won the rowing regatta?", dataset_ids=[], top_k=5) == []


def test_card_is_replaced_and_removed(cards: CardIndex, settings: Settings, embedder: Embedder) -> None:
    cards.add([CardText("bakery", "v2", "Observatory", card_text(description="Telescopes and stars.", columns={}))])
    again = open_cards(settings, embedder)
    assert found(again, "telescope")[0] == "bakery"
    assert found(again, "pretzel", "bakery") == ["bakery"]  # by meaning alone
    again.remove("bakery")
    assert found(again, "telescope") == ["rowing"]


def test_card_that_another_process_adds_is_found(cards: CardIndex, settings: Settings, embedder: Embedder) -> None:
    assert found(cards, "Which telescope is largest?")[0] in ("rowing", "bakery")
    other = open_cards(settings, embedder)
    other.add([CardText("stars", "v1", "Observatory", card_text(description="Telescopes, stars.", columns={}))])
    assert found(cards, "Which telescope is largest?")[0] == "stars"
    assert "stars" not in found(cards, "Which telescope is largest?", "rowing", "bakery")
    assert found(cards, "A look at far galaxies", "stars", "unknown") == ["stars"]  # by meaning alone


def test_cards_and_chunks_do_not_mix(cards: CardIndex, vectors, lexical) -> None:
    assert vectors.count("rowing") == lexical.count("rowing") == 0


def test_text_of_a_card_holds_every_cell_and_starts_with_the_columns() -> None:
    assert ROWING.startswith("Year, Club, Time\nResults")
    assert all(cell in ROWING for cell in ("2003", "Nautilus", "6.9"))
    assert ROWING.index("Club: Nautilus, Seagulls, Otters") < ROWING.index("2003")
