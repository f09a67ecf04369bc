import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.rag.chunking import (
    MAX_WORDS,
    ROW_WORDS,
    Passage,
    chunk_markdown,
    chunk_record,
    chunk_rows,
    chunk_table_card,
    chunk_text,
    number_chunks,
    searchable_text,
)
from core.rag.sentences import split_sentences

DOCUMENT = """---
author: nobody
---
# Travel policy
Read [the rules](https://example.org/x) **first**.
<!-- a note
to editors -->
## Travel
### Meals
Meals are paid up to
60 USD a *day*.

- Keep `receipts`
  for a year
* Ask _early_
1. First step
2) Second step

| Item | price_usd |
|:--|--:|
| Bed | 180 |
| Desk \\| chair | |

> Quoted line
***
```
# not a heading
  code
```
## Trains
"""


def test_markdown_places_follow_headings_and_marks_are_gone() -> None:
    intro, meals = chunk_markdown(DOCUMENT, title="unused")
    assert intro == Passage("Travel policy", "Introduction", "Read the rules first.")
    assert (meals.document, meals.place) == ("Travel policy", "Travel > Meals")
    assert (
        meals.text.split("\n")
        == [
            "Meals are paid up to 60 USD a day.",
            "Keep receipts for a year",
            "Ask early",
            "1. First step",
            "2) Second step",
            "Item: Bed | Price usd: 180",
            "Item: Desk | chair",
            "Quoted line",
            "# not a heading",
            "  code",
        ]
        or meals.text.split("\n")[-1] == "code"
    )


def test_markdown_without_heading_takes_the_title() -> None:
    assert chunk_markdown("Just text.", title="Notes") == [Passage("Notes", "Introduction", "Just text.")]


def test_markdown_with_two_top_headings_names_the_second_in_the_place() -> None:
    places = [p.place for p in chunk_markdown("# A\nOne.\n# B\nTwo.\n## C\nThree.", title="t")]
    assert places == ["Introduction", "B", "B > C"]


def test_markdown_table_with_ragged_rows_loses_no_cell() -> None:
    (passage,) = chunk_markdown("a | b\n--|--\n1 | 2 | 3\n4\nafter", title="t")
    assert passage.text == "A: 1 | B: 2 | 3\n4\nafter"


@pytest.mark.parametrize("text", ["5 * 3 * 2", "snake_case_name", "a*b", "2 ** 3 ** 4", "[not a link]"])
def test_markdown_leaves_what_is_no_mark(text: str) -> None:
    assert chunk_markdown(text, title="t")[0].text == text


def test_empty_documents_give_no_passage() -> None:
    assert chunk_markdown("# Only a heading\n", title="t") == []
    assert chunk_text(" \n \n", title="t") == []


def test_long_section_is_cut_in_even_parts_at_sentences() -> None:
    sentences = [f"Sentence number {n} has exactly eight words here." for n in range(60)]
    passages = chunk_text(" ".join(sentences), title="Long")
    assert [p.place for p in passages] == ["Text, part 1", "Text, part 2", "Text, part 3"]
    assert [s for p in passages for s in split_sentences(p.text)] == sentences
    assert all(abs(len(p.text.split()) - 160) <= 8 for p in passages)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_parts_keep_every_sentence_whole_and_in_order(lengths: list[int]) -> None:
    sentences = [f"S{n} " + "word " * (length - 1) + "end." for n, length in enumerate(lengths)]
    passages = chunk_text("\n\n".join(sentences), title="t")
    assert [unit for p in passages for unit in p.text.split("\n")] == sentences
    assert all(len(p.text.split()) <= MAX_WORDS + max(lengths) for p in passages)


def test_table_has_a_card_and_rows_that_repeat_the_header() -> None:
    header, rows = ["item", "list_price", "note"], [[f"Tool {n}", "1,200 USD", ""] for n in range(40)]
    [card] = chunk_table_card(header, rows=len(rows), title="Prices", description="All prices.")
    groups = list(chunk_rows(header, rows, title="Prices"))
    assert card.text == "All prices.\nThe table Prices has 40 rows. Its columns are Item, List price, Note."
    lines = [line for group in groups for line in group.text.split("\n")]
    assert lines == [f"Item: Tool {n} | List price: 1,200 USD" for n in range(40)]
    assert groups[0].place == "Rows 1-15"
    assert all(len(group.text.split()) <= ROW_WORDS for group in groups)
    spans = [tuple(map(int, re.findall(r"\d+", group.place))) for group in groups]
    assert spans[0][0] == 1
    assert spans[-1][1] == 40
    assert all(left[1] + 1 == right[0] for left, right in pairwise(spans))


def test_wide_row_stands_alone_and_whole() -> None:
    wide = [f"c{n}" for n in range(2 * MAX_WORDS)]
    first, second = chunk_rows(wide, [["1"] * len(wide), ["2"] + [""] * (len(wide) - 1)], title="t")
    assert (first.place, second.place) == ("Row 1", "Row 2")
    assert first.text.count(" | ") == len(wide) - 1


def test_long_cell_is_cut_at_sentences_and_each_piece_repeats_its_name() -> None:
    told = [f"Sentence {n} tells of the boats that came in." for n in range(60)]
    rows = [["Seal", "short"], ["Heron", " ".join(told)], ["Tern", "short"]]
    before, *parts, after = chunk_rows(["boat", "log"], rows, title="t")
    assert (before.place, after.place) == ("Row 1", "Row 3")
    assert [part.place for part in parts] == [f"Row 2, part {n}" for n in range(1, len(parts) + 1)]
    assert parts[0].text.startswith("Boat: Heron | Log: Sentence 0")
    assert all("Log: Sentence" in part.text and len(part.text.split()) <= MAX_WORDS for part in parts)
    assert " ".join(part.text.partition("Log: ")[2] for part in parts) == " ".join(told)


def test_long_cell_without_a_sentence_s_end_is_cut_between_words() -> None:
    parts = list(chunk_rows(["log"], [["word " * 1_000]], title="t"))
    assert len(parts) > 5
    assert sum(part.text.removeprefix("Log: ").count("word") for part in parts) == 1_000


def test_record_reads_field_by_field() -> None:
    (passage,) = chunk_record([("id", "T-1"), ("what_broke", "The  belt.\nIt tore.")], title="Tickets", place="T-1")
    assert passage == Passage("Tickets", "T-1", "Id: T-1\nWhat broke: The belt. It tore.")


def test_chunk_ids_depend_on_content_place_and_version_alone() -> None:
    passage, other = Passage("d", "p", "text"), Passage("d", "q", "text")
    first = number_chunks([passage, other, passage], dataset_id="a", version="v1")
    again = number_chunks([other, passage], dataset_id="a", version="v1")
    assert [c.position for c in first] == [0, 1]
    assert {c.id for c in first} == {c.id for c in again}
    assert all(re.fullmatch("[0-9a-f]{64}", c.id) for c in first)
    elsewhere = {c.id for d, v in (("a", "v2"), ("b", "v1")) for c in number_chunks([passage], dataset_id=d, version=v)}
    assert len(elsewhere | {c.id for c in first}) == 4


def test_searchable_text_stands_under_its_headings() -> None:
    (chunk,) = number_chunks([Passage("Policy", "Meals", "60 USD.")], dataset_id="a", version="v")
    assert searchable_text(chunk) == "Policy > Meals\n60 USD."
