import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.text_stream import TextStream


def run(stream: TextStream, *pieces: bytes) -> list[str]:
    return [*(stream.push(piece) for piece in pieces if not stream.is_stopped), stream.flush()]


def test_stream_never_yields_half_a_character() -> None:
    smile = "🙂".encode()
    assert run(TextStream(()), b"a" + smile[:1], smile[1:3], smile[3:] + b"b") == ["a", "", "🙂b", ""]


def test_stream_drops_half_a_character_at_the_end() -> None:
    assert run(TextStream(()), b"a", "é".encode()[:1]) == ["a", "", ""]


def test_stream_stops_before_a_stop_string_that_comes_in_pieces() -> None:
    stream = TextStream(("END",))
    assert run(stream, b"one E", b"N", b"D two") == ["one ", "", "", ""]
    assert stream.is_stopped


def test_stream_goes_on_when_a_begun_stop_string_does_not_come() -> None:
    stream = TextStream(("END",))
    assert run(stream, b"one E", b"N", b"Z", b" E") == ["one ", "", "ENZ", " ", "E"]
    assert not stream.is_stopped


def test_stream_stops_at_the_first_of_several() -> None:
    assert run(TextStream(("b", "ab")), b"xab") == ["x", ""]


def test_stream_ignores_stop_strings_inside_a_quotation() -> None:
    stream = TextStream((".",))
    assert stream.push(b"A. B", is_quoted=True) == "A. B"
    assert stream.push(b" C. D") == " C"
    assert stream.is_stopped


def test_stream_drops_one_space_at_the_very_start_where_the_tokenizer_does() -> None:
    assert run(TextStream((), strips_first_space=True), b" a", b" b") == ["a", " b", ""]


@given(text=st.text(), sizes=st.lists(st.integers(1, 4), min_size=1), stop=st.lists(st.text(min_size=1, max_size=3)))
def test_stream_yields_the_text_up_to_the_first_stop_string(text: str, sizes: list[int], stop: list[str]) -> None:
    data, pieces = text.encode(), []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces, data = [*pieces, data[:size]], data[size:]
    stream = TextStream(stop)
    written = "".join(run(stream, *pieces))
    ends = [text.find(s) for s in stop if s in text]
    if not ends:
        assert (written, stream.is_stopped) == (text, False)
    else:
        assert stream.is_stopped
        assert text.startswith(written)
        assert not any(s in written for s in stop)


@pytest.mark.parametrize("stop", ["\n\n", "🙂"])
def test_stream_never_yields_the_start_of_a_stop_string(stop: str) -> None:
    stream = TextStream((stop,))
    written = "".join(stream.push(bytes([byte])) for byte in f"text{stop}".encode())
    assert (written, stream.is_stopped) == ("text", True)
