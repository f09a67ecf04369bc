import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.chat.answer_text import Block, Run, find_quotations, read_answer
from apps.chat.drawing import draw
from apps.chat.progress import Progress

EVIDENCE = {1: "Meals are paid up to 60 USD. He said “no”. Hotels too.", 2: "Rooms cost 90 USD."}


def _texts(blocks: tuple[Block, ...]) -> str:
    return "".join(run.text for block in blocks for item in block.items for run in item)


def test_find_quotations_tells_verbatim_ones_from_others() -> None:
    answer = "“Meals are paid up to 60 USD.” [1] and “Rooms are free.” [2]"
    assert [(q.text, q.number, q.verbatim) for q in find_quotations(answer, EVIDENCE)] == [
        ("Meals are paid up to 60 USD.", 1, True),
        ("Rooms are free.", 2, False),
    ]


def test_find_quotations_takes_the_longest_run_that_its_evidence_holds() -> None:
    answer = "“He said “no”. Hotels too.” [1]"
    assert [q.text for q in find_quotations(answer, EVIDENCE)] == ["He said “no”. Hotels too."]


def test_a_quotation_still_being_written_is_text() -> None:
    assert read_answer("“Meals are", EVIDENCE) == (Block("paragraph", ((Run("text", "“Meals are"),),)),)


def test_a_quotation_and_its_citation_are_runs_of_their_own() -> None:
    (block,) = read_answer("So: “Rooms cost 90 USD.” [2]", EVIDENCE)
    assert block.items == ((Run("text", "So: "), Run("quotation", "Rooms cost 90 USD.", 2), Run("citation", "2", 2)),)


def test_a_misquotation_is_not_drawn_as_a_quotation() -> None:
    (block,) = read_answer("“Rooms are free.” [2]", EVIDENCE)
    assert [run.kind for run in block.items[0]] == ["text", "citation"]


def test_a_citation_of_evidence_that_does_not_exist_stays_text() -> None:
    (block,) = read_answer("See [7].", EVIDENCE)
    assert block.items == ((Run("text", "See [7]."),),)


def test_lists_code_and_emphasis_are_read() -> None:
    blocks = read_answer("Intro **bold** `x`\n\n- one\n- two [1]\n1. first\n```\nif a:\n  b\n```\nend", EVIDENCE)
    assert [block.kind for block in blocks] == ["paragraph", "bullets", "numbers", "code", "paragraph"]
    assert [run.kind for run in blocks[0].items[0]] == ["text", "strong", "text", "code"]
    assert blocks[3].items[0][0].text == "if a:\n  b"


@given(st.text(alphabet="ab“”[]12 \n-*", max_size=60))
def test_reading_never_fails_and_keeps_every_letter(answer: str) -> None:
    assert [c for c in _texts(read_answer(answer, EVIDENCE)) if c in "ab"] == [c for c in answer if c in "ab"]


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "`<svg onload=alert(1)>`",
    "**<iframe src=javascript:alert(1)>**",
    "```\n<img src=x onerror=alert(1)>\n```",
    "- <a href='javascript:alert(1)'>x</a>",
    "{{7*7}} ${7*7} {% raw %}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_drawn_as_text(text: str) -> None:
    drawn = draw("live", progress=Progress(1), blocks=read_answer(text, {}))
    for tag in ("<img", "<script", "<svg", "<iframe", "<a "):
        assert tag not in drawn
    assert "49" not in drawn


def test_hostile_evidence_is_drawn_as_text_inside_a_quotation() -> None:
    evidence = {1: "<b onclick=alert(1)>x</b>"}
    drawn = draw("live", progress=Progress(1), blocks=read_answer("“<b onclick=alert(1)>x</b>” [1]", evidence))
    assert "<q>&lt;b onclick=alert(1)&gt;x&lt;/b&gt;</q>" in drawn
