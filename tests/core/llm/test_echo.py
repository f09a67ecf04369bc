import subprocess
import sys

import pytest

from core.errors import EngineError, PermitRefused
from core.llm import EchoEngine, PermitOffice
from core.schema import Delta, Finish, GenerateRequest


def test_echo_repeats_the_last_user_message_in_pieces(office: PermitOffice, request_of, answer_of) -> None:
    engine = EchoEngine(office, piece=4)
    request = request_of("first", "reply", "hello world")
    assert answer_of(engine, request) == ("hello world", Finish("stop", 21, 11))
    events = list(engine.generate(request, permit=office.issue(request.digest(), turn_id="t")))
    assert events[:3] == [Delta("hell"), Delta("o wo"), Delta("rld")]


def test_echo_says_what_reply_returns(office: PermitOffice, request_of, answer_of) -> None:
    engine = EchoEngine(office, reply=lambda request: f"{len(request.messages)} messages")
    assert answer_of(engine, request_of("hi"))[0] == "1 messages"


def test_echo_stops_at_max_tokens(office: PermitOffice, request_of, answer_of) -> None:
    assert answer_of(EchoEngine(office), request_of("abcdef", max_tokens=4)) == ("abcd", Finish("length", 6, 4))


@pytest.mark.parametrize("text", ["hello", "other"], ids=["reused", "other request"])
def test_echo_refuses_without_a_good_permit(office: PermitOffice, request_of, text: str) -> None:
    engine, request = EchoEngine(office), request_of("hello")
    permit = office.issue(request.digest(), turn_id="t")
    list(engine.generate(request, permit=permit))
    with pytest.raises(PermitRefused):
        engine.generate(request_of(text), permit=permit)
    with pytest.raises(PermitRefused):
        engine.generate(request, permit=None)


def test_echo_raises_what_reply_raises_as_its_own(office: PermitOffice, request_of, answer_of) -> None:
    def fail(_: GenerateRequest) -> str:
        raise ValueError("no reply today")

    with pytest.raises(EngineError, match="no reply today"):
        answer_of(EchoEngine(office, reply=fail), request_of("hello"))


def test_echo_refuses_senseless_input(office: PermitOffice, request_of, answer_of) -> None:
    with pytest.raises(EngineError, match="piece"):
        EchoEngine(office, piece=0)
    with pytest.raises(EngineError, match="no message"):
        answer_of(EchoEngine(office), request_of())


def test_echo_describes_itself_with_the_context_it_was_given(office: PermitOffice) -> None:
    info = EchoEngine(office, context_tokens=99).info
    assert (info.name, info.context_tokens, info.parameters) == ("echo", 99, 0)


def test_light_modules_load_neither_torch_nor_transformers() -> None:
    code = "import sys, core.llm; sys.exit(bool({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
