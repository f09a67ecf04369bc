"""Cards from Croissant and Frictionless descriptions, and Croissant exports read back by its own library."""

import datetime as dt
import json
import warnings
from pathlib import Path

import pytest

from core.datasets.catalog import DatasetView
from core.datasets.croissant import CONFORMS_TO, export_croissant, read_croissant
from core.datasets.datapackage import read_datapackage
from core.datasets.described import build_card, licence_name
from core.datasets.ingest.naming import sources_at
from core.datasets.ingest.sources import look_at
from core.datasets.readers import read_parts
from core.errors import DatasetError
from core.schema import Chunk
from core.tables.table_store import TableStore

VIEW = DatasetView(
    id="bird-counts",
    title="Bird counts: spring",
    description="Counts of birds.",
    category="Science & Research",
    licence="CC-BY-4.0",
    source="https://example.org/birds",
    tier="restricted",
    labels=("dated",),
    active_version="sha256:abc",
    documents=1,
    chunks=1,
    bytes=10,
    updated_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    owner="Rook Club",
    purposes=("research",),
    jurisdiction="EU",
    legal_basis="not-personal",
    valid_from="2025-01-01",
    valid_until="2025-12-31",
)


def open_with_mlcroissant(path: Path):
    import mlcroissant

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mlcroissant.Dataset(jsonld=str(path))


def records(dataset, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [{k.rpartition("/")[2]: v for k, v in each.items()} for each in dataset.records(name)]


@pytest.fixture
def table(tmp_path):
    store = TableStore(tmp_path / "tables")
    rows = [("2020-01-01", "robin", "12"), ("2020-01-02", "wren", "1,003")]
    return store.write("bird-counts", "v", name="t", title="Counts", header=("Day", "Bird", "Seen"), rows=rows)


def test_exported_tables_are_valid_and_read_back_by_mlcroissant(tmp_path, table):
    path = export_croissant(tmp_path / "out", VIEW, tables=[table], columns={"Seen": "Birds seen."})
    dataset = open_with_mlcroissant(path)
    assert dataset.metadata.name == "bird-counts"
    found = records(dataset, "table-1")
    assert [each["Seen"] for each in found] == [12, 1003]
    assert found[0]["Bird"] in (b"robin", "robin")


def test_exported_passages_are_valid_and_read_back_by_mlcroissant(tmp_path):
    chunk = Chunk("id", "bird-counts", "v", "Notes", "Page 1", 0, "A robin sang.")
    path = export_croissant(tmp_path / "out", VIEW, tables=[], chunks=[chunk])
    (found,) = records(open_with_mlcroissant(path), "passages")
    assert found["text"] in (b"A robin sang.", "A robin sang.")


def test_export_comes_back_as_a_card_for_internal_use(tmp_path, table):
    path = export_croissant(tmp_path / "out", VIEW, tables=[table], columns={"Seen": "Birds seen."})
    card = read_croissant(path)
    assert (card.id, card.title, card.description) == (VIEW.id, VIEW.title, VIEW.description)
    assert (card.licence, card.source, card.owner) == (VIEW.licence, VIEW.source, VIEW.owner)
    assert (card.category, card.labels, card.purposes) == (VIEW.category, ["dated"], ["research"])
    assert (card.jurisdiction, card.legal_basis) == ("EU", "not-personal")
    assert json.loads(path.read_text())["temporalCoverage"] == "2025-01-01/2025-12-31"
    assert (card.valid_from, card.valid_until) == ("2025-01-01", "2025-12-31")
    assert card.columns == {"Seen": "Birds seen."}
    assert card.tier == "internal"


@pytest.mark.parametrize(
    ("covers", "days"),
    [
        ("2024-07-01/2027-06-30", ("2024-07-01", "2027-06-30")),
        ("2024/2027", ("2024-01-01", "2027-12-31")),
        ("../2027-06-30T12:00:00Z", (None, "2027-06-30")),
        ("1990/2000", ("1990-01-01", None)),
        ("2024-07-01/..", ("2024-07-01", None)),
        ("2024-13-01/2027-06-30", (None, None)),
        ("the Bronze Age", (None, None)),
    ],
    ids=["days", "years", "open-start", "over-when-published", "open-end", "no-such-day", "words"],
)
def test_time_that_data_covers_says_when_it_holds_unless_it_was_over_when_published(tmp_path, covers, days):
    path = tmp_path / "croissant.json"
    said = {"conformsTo": CONFORMS_TO, "name": "x", "datePublished": "2025-03-01", "temporalCoverage": covers}
    path.write_text(json.dumps(said))
    card = read_croissant(path)
    assert (card.valid_from, card.valid_until) == days


def test_export_does_not_touch_a_folder_that_is_there(tmp_path, table):
    with pytest.raises(DatasetError, match="does not exist"):
        export_croissant(tmp_path, VIEW, tables=[table])


def test_other_json_is_no_croissant(tmp_path):
    path = tmp_path / "croissant.json"
    path.write_text('{"name": "x"}')
    with pytest.raises(DatasetError, match="does not say that it conforms"):
        read_croissant(path)


def test_datapackage_gives_card_and_columns(tmp_path):
    package = {
        "name": "gdp",
        "title": "Country GDP\nby year",
        "description": "Gross domestic product.",
        "licenses": [{"name": "ODC-PDDL-1.0", "path": "http://opendatacommons.org/licenses/pddl/"}],
        "sources": [{"title": "World Bank", "path": "https://example.org"}],
        "contributors": [{"title": "Ann Author", "role": "author"}],
        "keywords": ["Business & Finance", "gdp"],
        "resources": [
            {
                "path": "gdp.csv",
                "schema": {"fields": [{"name": "Value", "description": "In US dollars."}, {"name": "Year"}]},
            }
        ],
    }  # fmt: skip
    path = tmp_path / "datapackage.json"
    path.write_text(json.dumps(package))
    card = read_datapackage(path)
    assert (card.id, card.title, card.licence, card.source) == (
        "gdp",
        "Country GDP by year",
        "ODC-PDDL-1.0",
        "World Bank",
    )
    assert (card.owner, card.category, card.tier) == ("Ann Author", "Business & Finance", "internal")
    assert card.columns == {"Value": "In US dollars."}


@pytest.mark.parametrize(
    "text",
    ["[]", "{", '{"resources": 3, "licenses": "x", "name": ["", {}]}', '{"name": "…"}', '"\\ud800"', "[" * 100_000],
)
def test_broken_descriptions_are_refused_or_named_by_their_folder(tmp_path, text):
    folder = tmp_path / "…"
    folder.mkdir()
    path = folder / "datapackage.json"
    path.write_text(text)
    with pytest.raises(DatasetError):
        read_datapackage(path)


def test_long_and_strange_values_are_fitted():
    card = build_card(
        name="Ünïcode & Spaces " * 20, description="x" * 9_000, licence="y" * 200, columns={" a\nb ": " c "}
    )
    assert len(card.id) <= 80
    assert card.id.startswith("unicode-spaces")
    assert (len(card.description), len(card.licence)) == (4000, 80)
    assert card.columns == {"a b": "c"}


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("https://spdx.org/licenses/CC0-1.0.html", "CC0-1.0"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "CC-BY-SA-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("MIT", "MIT"),
    ],
)
def test_licence_addresses_become_names(licence, name):
    assert licence_name(licence) == name


@pytest.mark.parametrize("name", ["datapackage.json", "croissant.json"])
def test_folder_with_a_description_gets_its_card_from_it_and_what_is_said_counts_more(tmp_path, name):
    conforms = {"conformsTo": "http://mlcommons.org/croissant/1.0"} if name == "croissant.json" else {}
    (tmp_path / name).write_text(json.dumps({"name": "Tides", "description": "High water.", **conforms}))
    (tmp_path / "tides.csv").write_text("day,metres\n1,2.5\n")
    ([source], _) = sources_at(tmp_path, tier="public")
    assert (source.card.id, source.card.description, source.card.tier) == ("tides", "High water.", "public")
    assert [path.name for path in look_at(source).paths] == ["tides.csv"]


def test_export_can_be_taken_in_again(tmp_path, table):
    export_croissant(tmp_path / "out", VIEW, tables=[table])
    ([source], _) = sources_at(tmp_path / "out")
    (part,) = read_parts(source.path)
    assert (source.card.id, part.header) == ("bird-counts", ("Day", "Bird", "Seen", "Seen (as written)"))
