import pytest

from core.datasets.ingest.naming import sources_at
from core.errors import DatasetError
from tests.core.datasets.ingest.home import write_root


def test_files_without_a_card_get_one_from_their_name_that_claims_nothing(tmp_path) -> None:
    path = tmp_path / "Harbour_fees 2025.csv"
    path.write_text("boat,fee\nSeal,5\n")
    [source], collection = sources_at(path)
    card = source.card
    assert (card.id, card.title, card.licence, card.tier) == (
        "harbour-fees-2025",
        "Harbour fees 2025",
        "unknown",
        "internal",
    )
    assert (source.path, collection) == (path, None)
    [stated], _ = sources_at(path, title="Fees", licence="CC0-1.0", tier="public", category="Education")
    assert (stated.card.title, stated.card.licence, stated.card.tier) == ("Fees", "CC0-1.0", "public")
    with pytest.raises(DatasetError, match="tier"):
        sources_at(path, tier="secret")


def test_folders_with_cards_say_themselves_what_they_are(tmp_path) -> None:
    root = write_root(tmp_path / "shops", datasets=2)
    sources, collection = sources_at(root)
    assert ([source.card.id for source in sources], collection) == (["shop-0", "shop-1"], root)
    [one], alone = sources_at(root / "shop-1")
    assert (one.card.id, alone) == ("shop-1", None)
    with pytest.raises(DatasetError, match="says itself"):
        sources_at(root, licence="CC0-1.0")
    with pytest.raises(DatasetError, match="doesn't exist"):
        sources_at(tmp_path / "nothing")
