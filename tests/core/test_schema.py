from dataclasses import replace

import pytest

from core.rag.prompt import STYLES, render_prompt
from core.schema import Evidence, GenerateConfig, GenerateRequest, Message, canonical_bytes, digest_of

EVIDENCE = Evidence(1, "c", "d", "v", "Data", "Doc", "Place", "CC0-1.0", "Text one.", 0.5, ("Text one.",), (0.4,))
REQUEST = GenerateRequest((Message("user", "hi"),), GenerateConfig(), (EVIDENCE,), "always", None)


@pytest.mark.parametrize(
    "changed",
    [
        replace(REQUEST, messages=(Message("user", "ho"),)),
        replace(REQUEST, messages=(Message("assistant", "hi"),)),
        replace(REQUEST, config=GenerateConfig(seed=1)),
        replace(REQUEST, config=GenerateConfig(stop=("x",))),
        replace(REQUEST, evidence=()),
        replace(REQUEST, evidence=(replace(EVIDENCE, text="Text two."),)),
        replace(REQUEST, evidence=(replace(EVIDENCE, number=2),)),
        replace(REQUEST, evidence=(replace(EVIDENCE, sentence_scores=(0.9,)),)),
        replace(REQUEST, evidence=(replace(EVIDENCE, sentences=("Text",)),)),
        replace(REQUEST, quoting="off"),
        replace(REQUEST, adapter="brief"),
    ],
    ids=["text", "role", "seed", "stop", "no-evidence", "evidence", "number", "scores", "units", "quoting", "adapter"],
)
def test_request_digest_changes_with_everything_that_decides_the_answer(changed: GenerateRequest) -> None:
    assert changed.digest() != REQUEST.digest()
    assert REQUEST.digest() == replace(REQUEST).digest()


def test_canonical_bytes_do_not_depend_on_the_order_of_keys() -> None:
    assert canonical_bytes({"b": 1, "a": "é"}) == canonical_bytes({"a": "é", "b": 1}) == '{"a":"é","b":1}'.encode()
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("style", STYLES)
def test_prompt_holds_who_asks_what_and_the_evidence_after_the_question(style: str) -> None:
    conversation = [Message("user", "First?"), Message("assistant", "Yes."), Message("user", "Second?")]
    system, *rest = render_prompt(conversation, name="Guide", purpose="Helps.", style=style, evidence=[EVIDENCE])
    assert system.role == "system"
    assert system.content.startswith(f"You are Guide. Helps.\nStyle: {STYLES[style]}.")
    assert rest[:2] == conversation[:2]
    assert rest[2].content == "Second?\n\nEvidence:\n[1] Doc > Place\nText one."


def test_prompt_without_evidence_is_the_bare_question() -> None:
    _, asked = render_prompt([Message("user", "Hi")], name="Guide", purpose="Helps.", style="balanced", evidence=[])
    assert asked.content == "Hi"
