import datetime as dt
import random

import pytest

from core.datasets.catalog import get_datasets, list_datasets
from core.datasets.search import FACETS, search_catalog
from core.errors import DatasetError
from core.store.tables import Dataset, DatasetVersion

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def put(store, dataset_id, **fields):
    values = {
        "title": dataset_id.title(), "description": "About things.", "category": "Education", "licence": "CC0-1.0",
        "source": "s", "tier": "public", "labels": [], "state": "indexed", "updated_at": NOW,
    }  # fmt: skip
    with store.write() as session:
        session.add(Dataset(id=dataset_id, active_version="v", created_at=NOW, **(values | fields)))
        session.flush()
        session.add(
            DatasetVersion(
                dataset_id=dataset_id, version="v", documents=1, chunks=1, bytes=1, created_at=NOW, profile={}
            )
        )


@pytest.fixture
def filled(any_store):
    put(
        any_store,
        "bird-counts",
        category="Science & Research",
        labels=["dated"],
        purposes=["research"],
        owner="Rook Club",
    )
    put(any_store, "prices", description="Prices of bird food.", tier="internal", labels=["dated", "contains-pii"])
    put(any_store, "cafés", title="100% Café", jurisdiction="EU", columns={"tip_share": "what guests give"})
    put(any_store, "birds-waiting", state="scanned")
    put(any_store, "birds-bad", state="quarantined")
    return any_store


def found(store, text="", **options):
    return [view.id for view in search_catalog(store, text, **options).datasets]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ["cafés", "bird-counts", "prices"]),
        ("BIRD", ["bird-counts", "prices"]),
        ("bird food", ["prices"]),
        ("rook", ["bird-counts"]),
        ("tip_share", ["cafés"]),
        ("contains-pii", ["prices"]),
        ("100%", ["cafés"]),
        ("p_ices", []),
        ("' OR 1=1 --", []),
        ("caf", ["cafés"]),
    ],
)
def test_every_word_has_to_stand_in_the_card_and_titles_count_most(filled, text, ids):
    assert found(filled, text) == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("birds", ["bird-counts", "prices"]),
        ("the foods of a bird", ["prices"]),
        ("Prices?", ["prices"]),
        ("libraries", ["volcano"]),
        ("volcanoes", ["volcano"]),
        ("glass", ["volcano"]),
        ("US", ["volcano"]),
        ("of the", ["volcano"]),
    ],
)
def test_plural_finds_the_singular_and_small_words_are_passed_over(filled, text, ids):
    put(filled, "volcano", title="Volcano", description="What the library has on glass of the US.")
    assert found(filled, text) == ids


def test_cards_with_most_of_the_words_are_found_where_none_has_all(filled):
    assert found(filled, "bird food India") == ["prices"]
    assert found(filled, "bird food India Nepal") == []  # half is not most
    assert found(filled, "bird India") == []
    put(filled, "imports", description="Food of India.")
    assert found(filled, "bird food India") == ["imports", "prices"]
    assert found(filled, "things counts bird") == ["bird-counts"]
    assert search_catalog(filled, "bird food India", facets={"tier": ["internal"]}).counts["tier"] == {
        "internal": 1, "public": 1,
    }  # fmt: skip


def test_facets_narrow_and_count(filled):
    page = search_catalog(filled)
    assert page.total == 3
    assert page.counts["tier"] == {"public": 2, "internal": 1}
    assert page.counts["labels"] == {"dated": 2, "contains-pii": 1}
    assert (page.counts["owner"], page.counts["jurisdiction"]) == ({"Rook Club": 1}, {"EU": 1})
    page = search_catalog(filled, facets={"tier": ["public"], "labels": ["dated", "other"]})
    assert [view.id for view in page.datasets] == ["bird-counts"]
    assert page.counts["tier"] == {"internal": 1, "public": 1}
    assert page.counts["labels"] == {"dated": 1}
    assert page.counts["category"] == {"Science & Research": 1}


@pytest.mark.parametrize("facet", FACETS)
def test_count_of_a_value_is_what_choosing_it_gives(filled, facet):
    start = {"tier": ["public", "internal"]}
    for value, count in search_catalog(filled, facets=start).counts[facet].items():
        assert search_catalog(filled, facets=start | {facet: [value]}).total == count


def test_pages_follow_each_other_in_each_order(any_store):
    names = [f"set-{n:02}" for n in range(23)]
    for n, name in enumerate(random.Random(1).sample(names, len(names))):
        put(any_store, name, updated_at=NOW + dt.timedelta(days=n))
    pages = [search_catalog(any_store, "set", offset=offset, limit=10) for offset in (0, 10, 20, 30)]
    assert [view.id for page in pages for view in page.datasets] == names
    assert {page.total for page in pages} == {23}
    newest = search_catalog(any_store, sort="newest", limit=23).datasets
    assert [view.updated_at for view in newest] == sorted((view.updated_at for view in newest), reverse=True)


def test_view_carries_the_card(filled):
    view = search_catalog(filled, "counts").datasets[0]
    assert (view.owner, view.purposes, view.labels, view.tier) == ("Rook Club", ("research",), ("dated",), "public")
    assert [view.id for view in get_datasets(filled, ["prices", "gone", "birds-bad", "cafés"])] == ["prices", "cafés"]
    assert len(list_datasets(filled)) == 3


@pytest.mark.parametrize("options", [{"offset": -1}, {"limit": 0}, {"limit": 501}, {"facets": {"colour": ["red"]}}])
def test_what_can_not_be_asked_is_an_error(any_store, options):
    with pytest.raises(DatasetError):
        search_catalog(any_store, **options)
