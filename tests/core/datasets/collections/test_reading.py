import json
from pathlib import Path

import pytest

from core.datasets.card import DatasetCard
from core.datasets.collections import is_collection, read_collection
from core.errors import DatasetError

CATSUP_RST = """\
====== ===============
Catsup R Documentation
====== ===============

Choice of Brand for Catsup
--------------------------

Description
~~~~~~~~~~~

A cross-section of
households.

Format
~~~~~~

A dataframe containing :

id
   individuals identifiers

- **price:** what it
  costs

+--------+-----------------+
| ``No`` | number of units |
+--------+-----------------+

Source
~~~~~~

id
   of no column
"""
CATSUP_HTML = """<h2>Catsup</h2><h3>Description</h3><p>A cross-section.</p><h3>Format</h3><p>Columns:</p>
<dl><dt>id</dt><dd><p>individuals identifiers</p></dd></dl><h3>Source</h3><p>A paper.</p>"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def read(root: Path) -> list[tuple[str, DatasetCard]]:
    return [(path.relative_to(root).as_posix(), card) for path, card in read_collection(root)]


@pytest.mark.parametrize(("page", "text"), [("rst/Catsup.rst", CATSUP_RST), ("Catsup.html", CATSUP_HTML)])
def test_rdatasets_take_title_and_column_meanings_from_the_pages(tmp_path: Path, page: str, text: str) -> None:
    files = {
        "datasets.csv": 'Package,Item,Title\nEcdat,Catsup,"Choice of Brand, Catsup"\nEcdat,Gone,Not there\n',
        "csv/Ecdat/Catsup.csv": '"","id","price","No"\n"1",7,2.5,3\n',
        f"doc/Ecdat/{page}": text,
    }
    [(path, card)] = read(write(tmp_path, files))
    assert (path, card.id, card.title) == ("csv/Ecdat/Catsup.csv", "rdatasets-ecdat-catsup", "Choice of Brand, Catsup")
    assert card.description.startswith("A cross-section")
    assert card.columns["id"] == "individuals identifiers"
    assert (card.licence, card.tier) == ("unknown", "internal")
    assert "no definitive licence" in card.source
    if page.endswith(".rst"):
        assert card.columns == {"id": "individuals identifiers", "price": "what it costs", "No": "number of units"}


def test_our_world_in_data_takes_its_data_packages(tmp_path: Path) -> None:
    fields = [{"name": "Year"}, {"name": "Deaths", "description": "Deaths of malaria in hospitals"}]
    package = {
        "title": "Malaria",
        "description": "Mortality\n\nby year, of patients.",
        "resources": [{"schema": {"fields": fields}}],
    }
    files = {
        "datasets/Malaria (WHO)/datapackage.json": json.dumps(package),
        "datasets/Malaria (WHO)/Malaria (WHO).csv": "Year,Deaths\n2000,3\n",
    }
    [(_, card)] = read(write(tmp_path, files))
    assert (card.id, card.title, card.category) == ("owid-malaria-who", "Malaria", "Healthcare")
    assert card.description == "Mortality by year, of patients."
    assert card.columns == {"Deaths": "Deaths of malaria in hospitals"}


def test_fivethirtyeight_takes_its_readmes(tmp_path: Path) -> None:
    about = (
        "# World Cup\n\nForecasts of [2014](http://x.org), by team.\n\nHeader | Definition\n---|---\n`spi` | Power\n"
    )
    files = {
        "README.md": "Data of FiveThirtyEight.",
        "cup/README.md": about,
        "cup/wc.csv": "spi,team\n1,A\n",
        "cup/code.R": "",
    }
    [(path, card)] = read(write(tmp_path, files))
    assert (path, card.title) == ("cup/wc.csv", "World Cup: wc")
    assert card.description == "Forecasts of 2014, by team."
    assert (card.licence, card.tier, card.columns) == ("CC-BY-4.0", "public", {"spi": "Power"})


def test_an_index_says_what_its_files_are(tmp_path: Path) -> None:
    long = "very " * 30
    files = {
        "index.csv": "id,title,description,path,doc,licence\n"
        f"a/{long},T,D,data/a.csv,,CC BY-SA 4.0 (Wikipedia)\na/{long},U,,data/b.csv,doc.md,repo GPL-3.0 (code)\n",
        "data/a.csv": "x\n1\n",
        "data/b.csv": "x\n1\n",
        "doc.md": "<table><tr><td>x</td><td>Integer</td><td>How many there are</td></tr></table>",
    }
    (_, first), (_, second) = read(write(tmp_path, files))
    assert (first.licence, second.licence) == ("CC-BY-SA-4.0", "unknown")
    assert first.id != second.id
    assert max(len(first.id), len(second.id)) <= 80
    assert (second.description, second.columns) == ("U", {"x": "How many there are"})


def test_what_is_no_collection_or_leads_outside_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"a.csv": "x\n1\n"})
    assert not is_collection(root)
    with pytest.raises(DatasetError, match="no known collection"):
        list(read_collection(root))
    write(tmp_path, {"secret.csv": "x\n1\n", "root/index.csv": "id,title,path\na,T,../secret.csv\n"})
    assert is_collection(root)
    with pytest.raises(DatasetError, match="lies outside"):
        list(read_collection(root))
