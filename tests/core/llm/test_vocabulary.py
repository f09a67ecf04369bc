import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from core.errors import ModelError
from core.llm.text_stream import TextStream
from core.llm.vocabulary import Vocabulary, read_vocabulary

SENTENCE = "According to Travel policy, “Meals are paid up to 60 USD a day.” [2]"


def test_vocabulary_writes_what_the_tokenizer_decodes(any_tokenizer: PreTrainedTokenizerFast) -> None:
    vocabulary = read_vocabulary(any_tokenizer, size=len(any_tokenizer) + 8)
    tokens = any_tokenizer(SENTENCE, add_special_tokens=False).input_ids
    stream = TextStream((), strips_first_space=vocabulary.strips_first_space)
    written = "".join(stream.push(vocabulary.pieces[token] or b"") for token in tokens)
    assert written == any_tokenizer.decode(tokens) == SENTENCE


def test_vocabulary_pieces_of_control_and_filler_tokens_are_silent(any_tokenizer: PreTrainedTokenizerFast) -> None:
    vocabulary = read_vocabulary(any_tokenizer, size=len(any_tokenizer) + 8)
    for token in (any_tokenizer.eos_token_id, any_tokenizer.convert_tokens_to_ids("<|user|>"), len(any_tokenizer)):
        assert vocabulary.pieces[token] is None


def test_vocabulary_writes_added_tokens_as_they_are(any_tokenizer: PreTrainedTokenizerFast) -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(any_tokenizer.backend_tokenizer.to_str()))
    tokenizer.add_tokens([AddedToken("[1]é", special=False)])
    vocabulary = read_vocabulary(tokenizer, size=len(tokenizer))
    assert vocabulary.pieces[-1] == "[1]é".encode()


def test_vocabulary_larger_than_the_model_is_refused(any_tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ModelError, match="don't belong together"):
        read_vocabulary(any_tokenizer, size=10)


@pytest.mark.parametrize("decoder", [None, decoders.WordPiece(), decoders.CTC()], ids=["none", "wordpiece", "ctc"])
def test_vocabulary_of_an_unknown_kind_is_refused(decoder: object) -> None:
    backend = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    if decoder is not None:
        backend.decoder = decoder
    with pytest.raises(ModelError, match="supported"):
        read_vocabulary(PreTrainedTokenizerFast(tokenizer_object=backend), size=1)


def test_vocabulary_finds_tokens_by_their_bytes() -> None:
    vocabulary = Vocabulary([None, b"a", b"ab", b"b[", b"a"])
    assert list(vocabulary.matches(b"xab", 1)) == [(1, 1), (4, 1), (2, 2)]
    assert vocabulary.containing(b"[", b"x") == (3,)
    assert vocabulary.starting(b"a") == [1, 2, 4]


def test_vocabulary_knows_from_where_it_can_write_to_the_end() -> None:
    vocabulary = Vocabulary([b"a", b"ab", b"cd"])
    assert vocabulary.writable_from(b"abcd") == {0, 2, 4}
    assert vocabulary.can_write(b"aab")
    assert not vocabulary.can_write(b"abc")
    assert not vocabulary.covers_all_bytes


def test_vocabulary_of_all_bytes_writes_anything() -> None:
    vocabulary = Vocabulary([bytes([byte]) for byte in range(256)])
    assert vocabulary.covers_all_bytes
    assert vocabulary.writable_from("é".encode()) == {0, 1, 2}


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3).map(lambda b: bytes(c % 3 for c in b)), min_size=1, max_size=8),
    data=st.binary(max_size=12).map(lambda b: bytes(c % 3 for c in b)),
)
def test_vocabulary_can_write_exactly_what_its_pieces_join_to(pieces: list[bytes], data: bytes) -> None:
    reachable = {0}
    for start in range(len(data)):
        if start in reachable:
            reachable |= {start + len(piece) for piece in pieces if data.startswith(piece, start)}
    assert Vocabulary(pieces).can_write(data) == (len(data) in reachable)
