"""Signed notes against the notes that the format's own specification publishes, and against malformed ones."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import VerificationError
from governance.ledger.notes import (
    MAX_NOTE_CHARS,
    Checkpoint,
    Signer,
    Verifier,
    create_signer,
    decode_base64,
    open_checkpoint,
    open_note,
    parse_signer,
    parse_vkey,
    sign_checkpoint,
)

# The example of the format's first implementation, golang.org/x/mod/sumdb/note.
PUBLISHED_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PUBLISHED_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PUBLISHED_NOTE = (
    PUBLISHED_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ROOT = hashlib.sha256(b"root").digest()
ROOT64 = base64.b64encode(ROOT).decode()


def _checkpoint_note(signer: Signer, size: int = 7) -> str:
    return sign_checkpoint(Checkpoint(signer.verifier.name, size, ROOT), signer=signer)


def test_published_note_opens() -> None:
    assert open_note(PUBLISHED_NOTE, verifier=parse_vkey(PUBLISHED_VKEY)) == PUBLISHED_TEXT


def test_published_key_signs_the_published_note() -> None:
    signer = parse_signer(PUBLISHED_SKEY)
    assert signer.sign(PUBLISHED_TEXT) == PUBLISHED_NOTE
    assert signer.verifier.vkey() == PUBLISHED_VKEY
    assert signer.secret_text() == PUBLISHED_SKEY


def test_checkpoint_reads_as_written(signer: Signer) -> None:
    note = _checkpoint_note(signer)
    name = signer.verifier.name
    assert note.startswith(f"{name}\n7\n{ROOT64}\n\n— {name} ")
    assert open_checkpoint(note, verifier=parse_vkey(signer.verifier.vkey())) == Checkpoint(name, 7, ROOT)


def test_signers_of_different_keys_have_different_names(signer: Signer, other_signer: Signer) -> None:
    assert signer.verifier.name != other_signer.verifier.name
    assert "+" not in signer.verifier.name


def test_witness_signatures_are_passed_over(signer: Signer, other_signer: Signer) -> None:
    note = _checkpoint_note(signer)
    text = note.split("\n\n")[0] + "\n"
    witness = other_signer.sign(text).split("\n\n")[1]
    assert open_checkpoint(note + witness, verifier=signer.verifier).size == 7
    own = note.split("\n\n")[1]
    assert open_checkpoint(f"{text}\n{witness}{own}", verifier=signer.verifier).size == 7


def test_note_of_another_key_is_refused(signer: Signer, other_signer: Signer) -> None:
    with pytest.raises(VerificationError, match="is not signed by"):
        open_checkpoint(_checkpoint_note(other_signer), verifier=signer.verifier)


def test_same_name_with_another_key_is_refused(signer: Signer) -> None:
    forger = Signer(signer.verifier.name, hashlib.sha256(b"forger").digest())
    with pytest.raises(VerificationError, match="is not signed by"):
        open_checkpoint(_checkpoint_note(forger), verifier=signer.verifier)


def test_one_wrong_signature_of_the_key_spoils_the_note(signer: Signer) -> None:
    note = _checkpoint_note(signer)
    wrong = signer.sign("another text\n").split("\n\n")[1]
    with pytest.raises(VerificationError, match="does not fit the note"):
        open_checkpoint(note + wrong, verifier=signer.verifier)


def test_every_flipped_bit_of_a_checkpoint_is_caught(signer: Signer) -> None:
    data = _checkpoint_note(signer).encode()
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VerificationError):
            open_checkpoint(flipped.decode("utf-8", "surrogateescape"), verifier=signer.verifier)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{name}\n7\n", id="no root"),
        pytest.param("{name}\n7\n\n" + ROOT64 + "\n", id="empty line"),
        pytest.param("{name}\n07\n" + ROOT64 + "\n", id="leading zero"),
        pytest.param("{name}\n-7\n" + ROOT64 + "\n", id="negative"),
        pytest.param("{name}\n٧\n" + ROOT64 + "\n", id="digit of another script"),
        pytest.param("{name}\n9999999999999999999\n" + ROOT64 + "\n", id="beyond 63 bits"),
        pytest.param("{name}\n7\n" + ROOT64[:-4] + "\n", id="short root"),
        pytest.param("{name}\n7\nnot base64!\n", id="root not base64"),
        pytest.param("{name}\n7\nwürzel\n", id="root not ASCII"),
        pytest.param("elsewhere\n7\n" + ROOT64 + "\n", id="another origin"),
    ],
)
def test_signed_note_that_is_no_checkpoint_is_refused(signer: Signer, text: str) -> None:
    note = signer.sign(text.format(name=signer.verifier.name))
    with pytest.raises(VerificationError):
        open_checkpoint(note, verifier=signer.verifier)


@pytest.mark.parametrize(
    "note",
    [
        pytest.param("", id="empty"),
        pytest.param("text\n", id="no signature"),
        pytest.param("\n\n— a AAAAAAA=\n", id="no text"),
        pytest.param("text\n\n— a AAAAAAA=", id="no newline at the end"),
        pytest.param("text\n\n- a AAAAAAA=\n", id="hyphen for dash"),
        pytest.param("text\n\n— a+b AAAAAAA=\n", id="plus in name"),
        pytest.param("text\n\n—  AAAAAAA=\n", id="no name"),
        pytest.param("text\n\n— a AAAA\n", id="short signature"),
        pytest.param("text\n\n— a AAAAAAB=\n", id="base64 with unused bits"),
        pytest.param("te\rxt\n\n— a AAAAAAA=\n", id="control character"),
        pytest.param("te\ud800xt\n\n— a AAAAAAA=\n", id="surrogate"),
        pytest.param("text\n\n" + "— a AAAAAAA=\n" * 65, id="too many signatures"),
        pytest.param("x" * MAX_NOTE_CHARS + "\n\n— a AAAAAAA=\n", id="too long"),
    ],
)
def test_malformed_note_is_refused(signer: Signer, note: str) -> None:
    with pytest.raises(VerificationError):
        open_note(note, verifier=signer.verifier)


@given(st.text())
def test_any_text_is_refused_as_a_note_with_a_clear_error(text: str) -> None:
    with pytest.raises(VerificationError):
        open_note(text, verifier=parse_vkey(PUBLISHED_VKEY))


@given(st.text())
def test_any_text_is_refused_as_a_key_with_a_clear_error(text: str) -> None:
    for parse in (parse_vkey, parse_signer):
        with pytest.raises(VerificationError):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PUBLISHED_VKEY.replace("c74f20a3", "c74f20a4"), id="another id"),
        pytest.param(PUBLISHED_VKEY.replace("Peter", "peter"), id="another name"),
        pytest.param(PUBLISHED_VKEY.replace("c74f20a3", "C74F20A3"), id="upper case id"),
        pytest.param(PUBLISHED_VKEY + "\n", id="newline"),
        pytest.param(PUBLISHED_VKEY.replace("+ARpc", "+ARpd"), id="another key"),
        pytest.param(PUBLISHED_VKEY.replace("+ARpc", "+Arpc"), id="another type"),
        pytest.param(PUBLISHED_VKEY[:-4], id="short key"),
        pytest.param(PUBLISHED_VKEY.partition("+")[2], id="no name"),
    ],
)
def test_altered_public_key_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_vkey(text)


def test_altered_private_key_is_refused() -> None:
    with pytest.raises(VerificationError, match="was altered"):
        parse_signer(PUBLISHED_SKEY.replace("YEKF", "YEKG"))


def test_signature_of_another_text_does_not_fit() -> None:
    verifier = parse_vkey(PUBLISHED_VKEY)
    assert isinstance(verifier, Verifier)
    assert not verifier.is_signed("another text\n", signature=b"\x00" * 64)


@given(st.binary(max_size=80))
def test_base64_reads_what_it_wrote_and_only_its_own_length(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64(text, length=len(data)) == data
    with pytest.raises(VerificationError):
        decode_base64(text, length=len(data) + 1)


@pytest.mark.parametrize("text", ["AAB=", "AAA", "AAA=\n", " AAA=", "AA-_", "AAA==", "AAAA====", "ÄÄÄ="])
def test_base64_in_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        decode_base64(text)


@given(st.binary(min_size=32, max_size=32))
def test_keys_read_as_written(seed: bytes) -> None:
    signer = create_signer(seed)
    assert parse_signer(signer.secret_text()).verifier.vkey() == signer.verifier.vkey()
    assert parse_vkey(signer.verifier.vkey()).vkey() == signer.verifier.vkey()
