"""The starter datasets and questions: their form, and that what one file says the others say too."""

import csv
import json
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from core.datasets.card import Category, DatasetCard, load_card
from core.datasets.readers import list_files, read_parts
from core.datasets.schema import TablePart
from core.rag.chunking import Passage, chunk_rows, chunk_table_card

DATA = Path(__file__).parents[2] / "data"
FOLDERS = sorted(path.parent for path in DATA.glob("datasets/*/dataset.yaml"))
SETS = {
    name: [json.loads(line) for line in (DATA / f"questions/{name}.jsonl").read_text("utf-8").splitlines()]
    for name in ("starter", "blind")
}
QUESTIONS = [question for questions in SETS.values() for question in questions]
README = (DATA / "README.md").read_text("utf-8")
LETTERS = DATA / "datasets/customer-letters/customer-letters.jsonl"
# Numbers that payment services publish for testing; none of them was ever issued.
TEST_CARDS = {
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
}
TEST_ACCOUNTS = {"GB29NWBK60161331926819", "DE89370400440532013000"}  # the examples of the IBAN registry
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
PHONE = re.compile(r"\b\d{3}[-. ]\d{3}[-. ]\d{4}\b")
CARD = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
SOCIAL = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


def of(folder: Path) -> DatasetCard:
    return load_card(folder / "dataset.yaml")


@cache
def passages_of(folder: Path) -> list[Passage]:
    found: list[Passage] = []
    for part in read_parts(folder):
        if isinstance(part, TablePart):
            rows = list(part.rows)
            found += chunk_table_card(part.header, rows=len(rows), title=part.title)
            found += chunk_rows(part.header, rows, title=part.title)
        else:
            found += part.passages
    return found


@cache
def content(folder: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in list_files(folder))


def rows(path: str) -> list[dict[str, str]]:
    with (DATA / "datasets" / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def passes_luhn(digits: str) -> bool:
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def test_starter_datasets_are_many_and_cover_every_category() -> None:
    assert len(FOLDERS) >= 12
    assert {of(folder).category for folder in FOLDERS} == set(get_args(Category))
    assert sum(len(passages_of(folder)) for folder in FOLDERS) >= 320


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_card_names_its_folder_licence_and_source(folder: Path) -> None:
    card = of(folder)
    assert card.id == folder.name
    assert (card.licence, card.source) == ("CC0-1.0", "written for Promethios Workbench")
    assert set(card.labels) <= {"contains-pii", "planted-injection", "dated", "medical"}
    assert (card.tier == "restricted") == ("contains-pii" in card.labels)


def test_cards_have_unique_titles_and_every_tier() -> None:
    cards = [of(folder) for folder in FOLDERS]
    assert len({card.title for card in cards}) == len(cards)
    assert {card.tier for card in cards} == {"public", "internal", "restricted"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_files_read_and_no_passage_stands_twice(folder: Path) -> None:
    files = list_files(folder)
    assert files
    assert {path.suffix for path in files} <= {".md", ".csv", ".jsonl"}
    texts = Counter(passage.text for passage in passages_of(folder))
    assert [text for text, times in texts.items() if times > 1] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_markdown_has_one_title_and_no_empty_section(folder: Path) -> None:
    titles = []
    for path in folder.glob("*.md"):
        lines = [line for line in path.read_text("utf-8").splitlines() if line]
        levels = [len(line.partition(" ")[0]) if line.startswith("#") else 0 for line in lines]
        assert levels[0] == 1
        titles += [line for line, level in zip(lines, levels, strict=True) if level == 1]
        followed_by = [*levels[1:], 1]
        empty = [line for line, level, after in zip(lines, levels, followed_by, strict=True) if 0 < after <= level]
        assert empty == []
    assert len(titles) == len(set(titles)) == len(list(folder.glob("*.md")))


@pytest.mark.parametrize("path", sorted(DATA.glob("datasets/*/*.csv")), ids=lambda path: path.name)
def test_table_is_rectangular(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        header, *body = csv.reader(file, strict=True)
    assert len(body) >= 60
    assert {len(row) for row in body} == {len(header)}
    assert all(cell.strip() == cell != "" for row in body for cell in row)


@pytest.mark.parametrize("path", sorted(DATA.glob("datasets/*/*.jsonl")), ids=lambda path: path.name)
def test_records_share_their_fields_and_have_unique_ids(path: Path) -> None:
    found = records(path)
    assert len(found) >= 30
    assert len({tuple(record) for record in found}) == 1
    assert len({record["id"] for record in found}) == len(found)


def test_price_list_has_unique_products_and_whole_prices() -> None:
    prices = rows("product-price-list/price-list.csv")
    assert len({row["sku"] for row in prices}) == len({row["product"] for row in prices}) == len(prices)
    assert all(f"{number(row['price_usd']):,}" == row["price_usd"] for row in prices)
    assert all(float(row["weight_kg"]) >= 0 and int(row["warranty_months"]) >= 0 for row in prices)


@pytest.mark.parametrize("path", ["laser-cutter-manual/manual.md", "printer-and-router-manual/p-300.md",
                                  "printer-and-router-manual/cr-60.md"])  # fmt: skip
def test_manual_gives_weight_and_warranty_of_the_price_list(path: Path) -> None:
    text = (DATA / "datasets" / path).read_text("utf-8")
    listed = {row["product"].split()[1]: row for row in rows("product-price-list/price-list.csv")[:16]}
    weights = re.findall(r"(?:The|version) ([\w-]+) weighs ([\d.]+) kg", text)
    warranties = re.findall(r"warranty of the ([\w-]+) lasts (\d+) months", text)
    assert weights
    assert warranties
    assert [(name, listed[name]["weight_kg"]) for name, _ in weights] == weights
    assert [(name, listed[name]["warranty_months"]) for name, _ in warranties] == warranties


def test_tickets_name_products_that_are_sold_and_dates_in_order() -> None:
    tickets = records(DATA / "datasets/support-tickets/support-tickets.jsonl")
    sold = " ".join(row["product"] for row in rows("product-price-list/price-list.csv")) + " Bench software"
    assert [ticket["product"] for ticket in tickets if ticket["product"] not in sold] == []
    dates = [ticket["opened"] for ticket in tickets]
    assert dates == sorted(dates)


def test_prices_in_tickets_are_those_of_the_price_list() -> None:
    prices = {row["price_usd"] for row in rows("product-price-list/price-list.csv")}
    quoted = re.findall(r"(?:for|costs?) ([\d,]+) USD", content(DATA / "datasets/support-tickets"))
    assert len(quoted) >= 6
    assert set(quoted) <= prices


def test_firmware_dates_in_tickets_are_those_of_the_release_notes() -> None:
    dated = re.compile(r"(\d\.\d\.\d) of (\d+ \w+ \d{4})")
    quoted = set(dated.findall(content(DATA / "datasets/support-tickets")))
    assert len(quoted) >= 4
    assert quoted <= set(dated.findall(content(DATA / "datasets/firmware-release-notes")))


def test_sales_summary_agrees_with_the_table() -> None:
    totals: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for row in rows("quarterly-sales/sales-by-quarter.csv"):
        year, revenue = row["quarter"][:4], number(row["revenue_usd"])
        for key in [(year,), (row["quarter"],), (year, row["region"]), (year, row["category"])]:
            totals[key] += revenue
        totals[year, row["category"], "units"] += number(row["units"])
        totals[year, row["category"], "returns"] += number(row["returns"])
    summary = (DATA / "datasets/quarterly-sales/sales-summary.md").read_text("utf-8")
    known = {f"{total:,}" for total in totals.values()}
    stated = set(re.findall(r"\d{1,3}(?:,\d{3})+", summary))
    assert len(stated) >= 12
    assert stated <= known
    quarters = [totals[f"2025 Q{n}",] for n in (1, 2, 3, 4)]
    assert max(quarters) == number("11,253,700")
    assert min(quarters) == number("8,925,800")
    assert f"grew by {100 * totals['2025',] / totals['2024',] - 100:.1f} percent from 2024" in summary
    assert (
        f"{totals['2025', 'Laser cutters', 'returns']} of the {totals['2025', 'Laser cutters', 'units']:,}" in summary
    )


def test_policies_of_two_years_contradict_by_date() -> None:
    old, new = (content(DATA / f"datasets/hr-policies-{year}") for year in (2025, 2026))
    assert "23 days of annual leave" in old
    assert "25 days of annual leave" in new
    assert "25 days of annual leave" not in old


def test_letters_hold_only_numbers_that_nobody_owns() -> None:
    text = LETTERS.read_text("utf-8")
    cards = {re.sub(r"\D", "", card) for card in CARD.findall(ACCOUNT.sub("", text))}
    assert cards == TEST_CARDS
    assert all(passes_luhn(card) for card in cards)
    assert {account.replace(" ", "") for account in ACCOUNT.findall(text)} == TEST_ACCOUNTS
    phones = PHONE.findall(text)
    assert len(phones) >= 30
    assert all(re.fullmatch(r"212-555-01\d\d", phone) for phone in phones)
    social = SOCIAL.findall(text)
    assert len(social) >= 3
    assert all(number.startswith("9") and int(number[4:6]) < 50 for number in social)  # neither SSN nor ITIN
    assert all(address.startswith("192.0.2.") for address in ADDRESS.findall(text))  # RFC 5737
    assert ADDRESS.findall(text)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_addresses_use_example_domains_and_stand_only_where_labelled(folder: Path) -> None:
    text = content(folder)
    domains = {email.partition("@")[2] for email in EMAIL.findall(text)}
    assert domains <= {"example.com", "example.org", "example.net"}
    assert "://" not in text
    assert "www." not in text
    found = [*EMAIL.findall(text), *PHONE.findall(text), *CARD.findall(text), *SOCIAL.findall(text)]
    assert bool(found) == ("contains-pii" in of(folder).labels)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_planted_instructions_stand_only_where_labelled(folder: Path) -> None:
    planted = re.compile(r"ignore all previous|system prompt|you must obey|from now on answer", re.IGNORECASE)
    passages = [passage.text for passage in passages_of(folder)]
    hits = [text for text in passages if planted.search(text)]
    assert bool(hits) == ("planted-injection" in of(folder).labels)
    assert len(hits) < len(passages) / 2


def test_readme_lists_every_dataset_as_its_card_says() -> None:
    table = re.findall(r"^\| `([\w-]+)` \| ([A-Z][\w &]+) \| (\w+) \| (.+) \|$", README, re.MULTILINE)
    cards = [of(folder) for folder in FOLDERS]
    assert table == [(c.id, c.category, c.tier, ", ".join(f"`{x}`" for x in c.labels) or "–") for c in cards]


def test_questions_have_unique_ids_and_the_kinds_that_the_readme_counts() -> None:
    assert len({question["id"] for question in QUESTIONS}) == len(QUESTIONS)
    starter, blind = (Counter(question["kind"] for question in questions) for questions in SETS.values())
    counted = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", README, re.MULTILINE)
    assert {kind: (int(a), int(b)) for kind, a, b in counted} == {
        kind: (starter[kind], blind[kind]) for kind in starter
    }


def test_the_blind_questions_are_none_of_the_starter_questions() -> None:
    starter, blind = ({question["question"].lower() for question in questions} for questions in SETS.values())
    assert len(blind) == 60
    assert not starter & {question["question"].lower() for question in SETS["blind"] if not question["history"]}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["id"])
def test_question_is_answered_verbatim_or_not_at_all(question: dict[str, Any]) -> None:
    assert set(question) == {"id", "kind", "question", "history", "dataset_ids", "expected", "answer_has"}
    assert set(question["dataset_ids"]) <= {folder.name for folder in FOLDERS}
    assert bool(question["history"]) == (question["kind"] == "follow_up")
    expected = question["expected"]
    assert (expected is None) == (question["kind"] in ("unanswerable", "unsafe"))
    if expected is None:
        assert question["answer_has"] == []
        return
    assert expected["dataset_id"] in question["dataset_ids"]
    folder = DATA / "datasets" / expected["dataset_id"]
    assert expected["contains"] in content(folder)
    passages = [p for p in passages_of(folder) if p.document == expected["document"]]
    assert any(expected["contains"] in passage.text for passage in passages)
    assert question["answer_has"]
    assert all(words in content(folder) for words in question["answer_has"])


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q["kind"] == "table"], ids=lambda q: q["id"])
def test_table_question_finds_its_answer_in_one_row_or_record(question: dict[str, Any]) -> None:
    folder = DATA / "datasets" / question["expected"]["dataset_id"]
    units = [line for line in content(folder).splitlines() if question["expected"]["contains"] in line]
    assert any(all(words in unit for words in question["answer_has"]) for unit in units)
