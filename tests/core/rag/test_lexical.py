import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import Settings
from core.errors import RetrievalError
from core.rag.lexical import LexicalIndex, open_lexical
from core.schema import Chunk


def chunk(name: str, text: str, *, version: str = "v1", place: str = "Place") -> Chunk:
    return Chunk(name, "data", version, "Document", place, 0, text)


def fill(index: LexicalIndex, *chunks: Chunk) -> None:
    with index.writing() as writer:
        writer.add(chunks)
        writer.commit()


def found(index: LexicalIndex, text: str, *versions: str) -> list[str]:
    return [i for i, _ in index.search(text, versions=versions or ["v1"], top_k=10)]


def test_search_finds_stems_and_ranks_rare_words_first(lexical: LexicalIndex) -> None:
    fill(
        lexical,
        chunk("both", "Meals are refunded when travelling."),
        chunk("one", "Taxis are refunded."),
        chunk("two", "Hotels are refunded."),
        chunk("none", "The nozzle is brass."),
    )
    assert found(lexical, "Which meal do you refund?")[0] == "both"
    assert set(found(lexical, "refunding")) == {"both", "one", "two"}
    scores = [s for _, s in lexical.search("meals refunds", versions=["v1"], top_k=10)]
    assert scores == sorted(scores, reverse=True)


def test_search_counts_headings_but_less_than_text(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("heading", "Sixty a day.", place="Meals"), chunk("text", "Meals cost."))
    assert found(lexical, "meals") == ["text", "heading"]


def test_search_stays_within_versions(lexical: LexicalIndex) -> None:
    fill(lexical, *(chunk(f"a{n}", "meals meals", version="sha256:a") for n in range(30)))
    fill(lexical, chunk("b", "some long text in which meals stand once", version="sha256:b"))
    assert found(lexical, "meals", "sha256:b") == ["b"]
    assert lexical.search("meals", versions=[], top_k=5) == []
    assert lexical.search("meals", versions=["sha256:b"], top_k=0) == []


@pytest.mark.parametrize("count", [1, 4, 7, 8], ids=lambda n: f"{n} of 8 versions")
def test_most_versions_are_searched_as_few_are(lexical: LexicalIndex, count: int) -> None:
    fill(lexical, *(chunk(f"c{n}", "meals " * (n + 1) + "and taxis", version=f"v{n}") for n in range(8)))
    everything = lexical.search("meals or taxis", versions=None, top_k=10)
    usable = [f"v{n}" for n in range(8)][-count:]
    wanted = [(i, score) for i, score in everything if i.replace("c", "v") in usable]
    assert lexical.search("meals or taxis", versions=[*usable, "unknown"], top_k=10) == wanted


def test_version_that_another_index_added_is_left_out_until_it_is_named(lexical: LexicalIndex, tmp_path: Path) -> None:
    fill(lexical, *(chunk(f"c{n}", "meals", version=f"v{n}") for n in range(3)))
    assert len(found(lexical, "meals", "v0", "v1", "v2")) == 3
    fill(open_lexical(Settings(home=tmp_path / "home")), chunk("new", "meals", version="new"))
    assert set(found(lexical, "meals", "v0", "v1", "v2")) == {"c0", "c1", "c2"}
    assert set(found(lexical, "meals", "v0", "v1", "v2", "new")) == {"c0", "c1", "c2", "new"}


def test_word_counts_as_often_as_it_was_said(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("meals", "meals are paid"), chunk("taxi", "a taxi is paid"))
    assert found(lexical, "meals, taxi, taxi")[0] == "taxi"
    assert found(lexical, "meals, taxi, meals")[0] == "meals"


def test_scores_of_named_chunks_are_those_of_a_search(lexical: LexicalIndex) -> None:
    fill(lexical, *(chunk(f"c{n}", "meals " * (n + 1) + "and taxis") for n in range(5)), chunk("none", "nozzle"))
    searched = dict(lexical.search("meals or taxis", versions=["v1"], top_k=10))
    assert lexical.scores("meals or taxis", ids=["c1", "c3", "none", "unknown"]) == {
        i: searched[i] for i in ("c3", "c1")
    }
    assert lexical.scores("meals", ids=[]) == {}


def test_accents_and_case_do_not_matter(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("a", "The Café in ZÜRICH."))
    assert found(lexical, "cafe zurich") == ["a"]


def test_question_of_stop_words_finds_nothing(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("a", "What is it?"))
    assert found(lexical, "what is it") == []


def test_question_is_never_query_syntax(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("a", "alpha"), chunk("b", "beta", version="v2"))
    for text in ("alpha OR version:v2", "*", "text:[a TO z]", '"alpha', "alpha AND -alpha", "/.*/", "version:v2 beta"):
        assert set(found(lexical, text)) <= {"a"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_question_can_be_asked(lexical: LexicalIndex, text: str) -> None:
    assert lexical.search(text, versions=["v1"], top_k=3) == []


def test_what_is_not_committed_is_dropped(lexical: LexicalIndex) -> None:
    with lexical.writing() as writer:
        writer.add([chunk("a", "alpha")])
    with suppress(ZeroDivisionError), lexical.writing() as writer:
        writer.add([chunk("b", "alpha")])
        raise ZeroDivisionError
    assert found(lexical, "alpha") == []


def test_removed_version_is_gone_and_others_stay(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("a", "alpha"), chunk("b", "alpha", version="v2"))
    with lexical.writing() as writer:
        writer.remove("v1")
        writer.commit()
    assert (lexical.count("v1"), lexical.count("v2")) == (0, 1)


def test_index_is_durable(lexical: LexicalIndex, settings: Settings) -> None:
    fill(lexical, chunk("a", "alpha"))
    assert found(open_lexical(settings), "alpha") == ["a"]


def test_second_process_is_told_to_wait(lexical: LexicalIndex, settings: Settings) -> None:
    code = f"""
from core.config import Settings
from core.errors import RetrievalError
from core.rag.lexical import open_lexical
try:
    with open_lexical(Settings(home={str(settings.home)!r})).writing(): pass
except RetrievalError as exc:
    print(exc)
"""
    with lexical.writing():
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Another process is ingesting" in told.stdout


def test_threads_wait_for_the_writer(lexical: LexicalIndex) -> None:
    threads = [threading.Thread(target=fill, args=(lexical, chunk(f"c{n}", "alpha"))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lexical.count("v1") == 4


def test_rarity_falls_with_frequency(lexical: LexicalIndex) -> None:
    fill(lexical, chunk("a", "alpha beta"), chunk("b", "alpha"), chunk("c", "gamma"))
    assert lexical.rarity("unknown") > lexical.rarity("beta") > lexical.rarity("alpha") > 0


def test_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "lexical").write_text("in the way")
    with pytest.raises(RetrievalError, match="can't be opened"):
        open_lexical(Settings(home=tmp_path))


def test_folder_with_another_index_is_an_error(lexical: LexicalIndex, settings: Settings) -> None:
    meta = settings.data_folder / "lexical" / "meta.json"
    meta.write_text(meta.read_text().replace('"heading"', '"other"'))
    with pytest.raises(RetrievalError, match="can't be opened"):
        open_lexical(settings)


def test_many_small_commits_are_merged(tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "index")
    for n in range(30):
        fill(index, chunk(f"c{n}", f"word number{n}", version="v"))
    assert len(list((tmp_path / "index").glob("*.store"))) < 15
    assert index.count("v") == 30
