"""The rail for text that acts or sends data away once it is shown: images, tags, links with a payload, hidden characters.

It judges an address by its form and knows no host's reputation. A plain link to a named host passes; an image passes
only from a path of the same site. Code fences reach too far back to be seen, so the source of a web page is reported
as if it were rendered; only `<script>` and the like between backticks score as a mention, 0.6. It doesn't see a payload
that is encrypted, cut into pieces of less than 16 characters, or written in a few plain words of a path; an image with
a numbered reference (`![1][2]`, which looks like two citations), or one whose description is longer than 88 characters
(its opening scores 0.6); single invisible characters strewn over a text; or an address in a tag that tabs break apart.
"""

# ruff: noqa: E501 - a pattern is read as one line

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from core.schema import digest_of
from governance.rails.fold import fold
from governance.rails.pattern_rail import BEHIND, WINDOW, PatternRail, Rule, last_word, rule
from governance.schema import Finding

_CONTEXT = 88  # how far before a span a rule looks; less than BEHIND, so that a lookbehind there sees what it needs
_REMOTE = r"(?:(?:https?|ftp|wss?)\\?:|[/\\]{2}|&#?\w{1,7};)"  # CommonMark 6.1, 6.2: references and escapes count
_DESTINATION = rf"\(\s{{0,4}}<?{_REMOTE}"
_ALT = r"(?:[^\[\]\\\n]|\n(?!\n)|\\.|\[[^\[\]\n]{0,20}\])"
_REST = r"""[^\s<>"'`)\]]{0,1000}"""
_TO_BRACKET = r"[^)\n]{0,1000}\)?"
_TO_TAG_END = r"[^>\n]{0,1000}>?"
_SHOWS = r"<(?:img|image|video|audio|source|track|input|body|table|td)(?=[\s/])"
_LOADS = r"<(?:link|form|base|use|button|feimage)(?=[\s/])"
_VALUE = rf"\s{{0,2}}=\s{{0,2}}[\"']?\s{{0,2}}{_REMOTE}"
_EVENT = (
    r"on(?:error|load\w{0,8}|click|dblclick|focus\w{0,8}|blur|mouse\w{1,12}|key\w{1,12}|input|change|submit|toggle|begin|end|repeat|scroll\w{0,8}|wheel|"
    r"drag\w{0,8}|drop|copy|cut|paste|pointer\w{1,12}|touch\w{1,12}|animation\w{1,12}|transition\w{1,12}|hashchange|message|page\w{1,12}|resize|"
    r"\w{0,8}unload|start|finish|play\w{0,8}|canplay|auxclick|contextmenu|select\w{0,8}|reset|search)"
)
_TELLING = (  # names that ordinary pages don't give to a parameter
    r"(?:conversations?|chat[_-]?(?:history|log)s?|chat|transcripts?|(?:system[_-]?)?prompts?|secrets?|passw(?:or)?ds?|pwd|passphrase|"
    r"cred(?:ential)?s?|api[_-]?keys?|cookies?|leak(?:ed)?|exfil\w{0,8}|stolen|steal|loot|ssn|credit[_-]?card|private[_-]?key|dump|"
    r"payload|memory|user[_-]?data|history|messages|access[_-]?token|salary|diagnosis)"
)
_COMMON = r"(?:e-?mail|(?:auth[_-]?|id[_-]?)?token|session(?:[_-]?id)?|key|data|msg|message|phone|info|content|name|user(?:name)?|address|text|body|value)"
_STANDS_FOR = (
    r"(?!\.{3}|\*\*|xxx|[<{$\[]|%7b|%3c|your|my[_-]|example|placeholder|redacted|changeme|replace|insert|user@example)"
)
_COLLECTORS = (
    r"(?:webhook\.site|webhook-test\.com|requestbin\.\w{2,4}|pipedream\.net|ngrok(?:-free)?\.(?:io|app|dev)|burpcollaborator\.net|oastify\.com|"
    r"interact\.sh|oast\.\w{2,6}|requestcatcher\.com|beeceptor\.com|hookbin\.com|dnslog\.cn|canarytokens\.\w{2,4}|trycloudflare\.com)"
)
_LINE_SIGNS = r"\u200b-\u200f\u2060-\u2064\ufeff\u180e\u034f\u061c\u00ad"
_TAGS, _SELECTORS = "\U000e0000-\U000e007f", "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_FLAG = rf"[\U000e0030-\U000e0039\U000e0061-\U000e007a]{{3,6}}\U000e007f(?![{_TAGS}])"  # UTS 51: of a region
_HIDDEN = re.compile(
    rf"(?:(?<![\U0001f3f4{_TAGS}])|(?<=\U0001f3f4)(?!{_FLAG}))[{_TAGS}]+|(?<![{_LINE_SIGNS}])[{_LINE_SIGNS}]{{8,}}|(?<![{_SELECTORS}])[{_SELECTORS}]{{3,}}"
)
_HOST = re.compile(r"https?://(?P<host>[^\s/?#:<>()\[\]\"']{1,50})", re.IGNORECASE)
_TWO_SCRIPTS = re.compile(r"[a-z][^.]*[\u0370-\u03ff\u0400-\u052f]|[\u0370-\u03ff\u0400-\u052f][^.]*[a-z]")
_IN_ADDRESS = re.compile(
    rf"(?:(?:https?|ftp|wss?|mailto|sms):|[/\\]{{2}})[^\s<>\"]*\Z|[^\s<>\"]{{{_CONTEXT}}}\Z", re.IGNORECASE
)
_OPENS = re.compile(
    rf"!\[|\]\(|\]:|<[a-z]|[\x1b\x9b]|(?:https?|ftp|wss?|mailto|sms)\\?:|[/\\]{{2}}|s[\t\r\n]?c[\t\r\n]?r[\t\r\n]?i[\t\r\n]?p[\t\r\n]?t|data:|url\(|@import|\bon[a-z]{{3,24}}\s*=|[^\s<>\"]{{{_CONTEXT}}}",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"!\[|\]\(|(?:\A|\n) {0,3}\[|<|[\x1b\x9b]|@import|\bstyle\s{0,2}(?:=|\Z)|url\(|\bon[a-z]{3,24}\s*(?:=|\Z)|\b[jv]\w{0,9}(?:[\t\r\n]|script\s\Z)",
    re.IGNORECASE,
)


class ExfiltrationRail(PatternRail):
    """The rail's patterns, and what only the text before folding shows."""

    def __init__(self) -> None:
        rules = [*_image_rules(), *_markup_rules(), *_script_rules(), *_host_rules(), *_payload_rules()]
        super().__init__("exfiltration", [*rules, *_terminal_rules()], open_from=_open_from)
        self.categories |= {"hidden_text"}
        self.version = digest_of([self.version, _HIDDEN.pattern, _TWO_SCRIPTS.pattern, _OPENS.pattern])

    def inspect_from(self, text: str, start: int) -> list[Finding]:
        """Return the findings whose spans begin at `start` or later; what stands before is context alone."""
        opened = _OPENS.search(fold(text), max(0, start - BEHIND))
        found = super().inspect_from(text, start) if opened else []
        if not text.isascii():
            found += [self._finding("hidden_text", 0.9, text, *m.span()) for m in _HIDDEN.finditer(text, start)]
            hosts = [match for match in _HOST.finditer(text, start) if _TWO_SCRIPTS.search(match["host"].lower())]
            found += [self._finding("disguised_host", 0.9, text, *match.span()) for match in hosts]
        return sorted(found, key=lambda f: (f.start, -f.end, -f.score))


def build_exfiltration_rail() -> ExfiltrationRail:
    """Build the rail `exfiltration`."""
    return ExfiltrationRail()


def _image_rules() -> list[Rule]:
    plain_id, number = r"\[(?!\^)[^\[\]\n]{1,22}\]", r"\[[0-9]{1,3}\]"
    opens, asks = r"(?:\A|(?<=\n)) {0,3}", r"[^\s<>?]{0,22}\?\w"
    return [
        _any("remote_image", 0.9, rf"(?P<head>!\[{_ALT}{{0,46}}\]{_DESTINATION}){_TO_BRACKET}", end_of=_near_end, needs="!"),
        _any("remote_image", 0.9, rf"!\[{_ALT}{{0,{_CONTEXT}}}(?P<span>(?P<head>\]{_DESTINATION}){_TO_BRACKET})", end_of=_late_end, needs="!"),
        _any("remote_image", 0.9, rf"(?P<head>!(?!{number})\[{_ALT}{{0,30}}\]\s?\[[^\[\]\n]{{0,20}}\])", end_of=_near_end, needs="!"),
        _any("remote_image", 0.6, r"!\[[^\[\]]{61}", needs="!"),
        _any("reference_link", 0.3, rf"{opens}(?P<span>{number}:\s{{0,3}}<?{_REMOTE}{_REST})", needs="]"),
        _any("reference_link", 0.5, rf"{opens}(?P<span>(?!{number}){plain_id}:\s{{0,3}}<?{_REMOTE}{_REST})", needs="]"),
        _any("reference_link", 0.9, rf"{opens}(?P<span>{plain_id}:\s{{0,3}}<?{_REMOTE}{asks}{_REST})", needs="?"),
    ]  # fmt: skip


def _markup_rules() -> list[Rule]:
    source, target = r"(?:srcset|src|poster|(?:xlink:)?href|background)", r"(?:(?:xlink:)?href|formaction|action)"
    address = r"[\"']?(?:https?:|//)"
    return [
        *_attribute_rules("remote_image", _SHOWS, source),
        *_attribute_rules("remote_resource", _LOADS, target),
        _any("remote_image", 0.6, rf"{_SHOWS}(?:(?!src)[^>]){{52}}", needs="<"),
        _any("remote_resource", 0.9, rf"@import\s{{0,3}}(?:url\()?\s?{address}{_REST}", needs="@"),
        _any("remote_resource", 0.9, rf"(?<!\w)style\s{{0,2}}=\s{{0,2}}[\"'][^\"'>]{{0,32}}?url\(\s?{address}{_REST}", needs="("),
        _any("remote_resource", 0.5, rf"(?<!\w)url\(\s?{address}{_REST}", needs="("),
        _any("markup", 0.5, rf"<(?:form|svg|style|base|math)(?=[\s/>]){_TO_TAG_END}", needs="<"),
    ]  # fmt: skip


def _attribute_rules(category: str, tag: str, name: str) -> list[Rule]:
    """Build the rules for an attribute near its tag's start, and for one that comes too late to hold the tag back."""
    return [
        _any(category, 0.9, rf"(?P<head>{tag}[^>]{{0,50}}?[\s\"'/]{name}{_VALUE}){_TO_TAG_END}", end_of=_near_end, needs="<"),
        _any(category, 0.9, rf"{tag}[^>]{{0,{_CONTEXT}}}?[\s\"'/](?P<span>(?P<head>{name}{_VALUE}){_TO_TAG_END})", end_of=_late_end, needs="<"),
    ]  # fmt: skip


def _script_rules() -> list[Rule]:
    broken = r"[\t\r\n]?".join
    scheme = rf"(?<![\w-])(?:{broken('javascript')}|{broken('vbscript')})[\t\r\n]?:"
    return [
        _any("active_content", 0.95, rf"<(?:script|iframe)(?![\w-]){_TO_TAG_END}", is_mention=_is_in_code, needs="<"),
        _any("active_content", 0.95, rf"<(?:object|embed|applet|meta)[\s/](?=[^>]{{0,30}}?(?:data|src|type|classid|code|http-equiv)\s?=\s?[\"']?(?!text/html;|content-type)){_TO_TAG_END}", is_mention=_is_in_code, needs="<"),
        _any("active_content", 0.95, rf"<[a-z][^>]{{0,80}}?[\s\"'/](?P<span>on[a-z]{{3,24}}\s{{0,3}}={_TO_TAG_END})", needs="<"),
        _any("active_content", 0.95, rf"(?<![\w.$-]){_EVENT}\s{{0,3}}=\s{{0,3}}[\"']?[\w.]{{1,24}}[(`][^\s>]{{0,1000}}", needs="="),
        _any("active_content", 0.95, rf"{scheme}(?=[\w(/!\[;%~+-]){_REST}", needs=":"),
        _any("active_content", 0.95, rf"(?:\]\(|(?:href|src|action)\s?=\s?[\"']?)\s{{0,2}}<?(?P<span>(?:{broken('javascript')}|{broken('vbscript')})\s?:{_REST})", needs=":"),
        _any("data_url", 0.95, rf"(?<![\w-])data:(?:text/(?:html|xml|javascript)|image/svg\+xml|application/(?:xhtml\+xml|(?:x-)?javascript|xml))[;,]{_REST}", needs=":"),
        _any("data_url", 0.5, rf"(?<![\w-])data:[\w.+-]{{1,16}}/[\w.+-]{{1,24}};base64,{_REST}", needs=":"),
    ]  # fmt: skip


def _host_rules() -> list[Rule]:
    octets, six = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.\w)", r"\[[0-9a-f:.]{2,45}\]"
    asks = r"[^\s?<>\"']{0,22}\?\w"
    return [
        _any("disguised_host", 0.6, rf"https?://(?:(?P<host>{octets})|(?P<six>{six})){_REST}", end_of=_public_end, needs=":"),
        _any("disguised_host", 0.9, rf"https?://(?P<host>{octets}){asks}{_REST}", end_of=_public_end, needs="?"),
        _any("disguised_host", 0.9, rf"https?://(?:0x[0-9a-f]{{2,8}}|[0-9]{{8,10}}|0[0-7]{{1,3}}(?:\.[0-9]{{1,4}}){{3}})(?!\w|\.\w){_REST}", needs=":"),
        _any("disguised_host", 0.9, rf"https?://[^\s/?#@:]{{1,24}}\.[^\s/?#@:.]{{2,12}}(?::[^\s/?#@]{{0,8}})?@\w{_REST}", needs="@"),
        _any("disguised_host", 0.6, rf"https?://(?:[^\s/?#]{{0,40}}\.)?xn--[a-z0-9]{_REST}", needs=":"),
        _any("collector", 0.6, rf"https?://[\w.-]{{0,28}}?(?<![\w-]){_COLLECTORS}/\w{_REST}", needs=":"),
        _any("collector", 0.9, rf"https?://[\w.-]{{0,8}}?(?<![\w-]){_COLLECTORS}{asks}{_REST}", needs="?"),
    ]  # fmt: skip


def _payload_rules() -> list[Rule]:
    before, value = r"(?<=[/?&=#.;])", r"[A-Za-z0-9_+-]"
    needless = r"%(?:3[0-9]|[46][1-9A-F]|[57][0-9A])"  # RFC 3986, section 2.3: unreserved
    lead, mark = r"[?&#;](?:[a-z]{1,10}[_.-])?", rf"(?:[_-][a-z]{{1,8}})?={_STANDS_FOR}[^\s&<>\"'`)\]]{{8}}{_REST}"
    word = r"[\w.,:@'-]{1,9}"
    return [
        _any("payload_url", 0.9, rf"{before}(?P<head>{value}{{16,48}}){_REST}", end_of=_decoded_end, needs="/?&=#"),
        _any("payload_url", 0.9, rf"(?<!%[3-7][0-9a-f])(?:{needless}){{3}}{_REST}", end_of=_address_end, needs="%"),
        _any("payload_url", 0.9, rf"{lead}{_TELLING}{mark}", end_of=_address_end, needs="="),
        _any("payload_url", 0.6, rf"{lead}{_COMMON}{mark}", end_of=_address_end, needs="="),
        _any("payload_url", 0.6, rf"(?<=[/=?&])(?<!//)[\w.+-]{{1,30}}(?:@|%40)[\w-]{{1,16}}\.\w{{2}}{_REST}", end_of=_address_end, needs="@%"),
        _any("payload_url", 0.5, rf"(?<==)(?=[^0-9\s]{{0,40}}[0-9]){value}{{40}}{_REST}", end_of=_address_end, needs="="),
        _any("payload_url", 0.5, rf"(?<=[/=?]){word}(?:(?:%20|\+){word}){{3}}{_REST}", end_of=_address_end, needs="%+"),
    ]  # fmt: skip


def _terminal_rules() -> list[Rule]:
    colour, needs = r"(?:\x1b\[|\x9b)[0-9;:]{0,24}m", "\x1b\x9b"
    return [
        _any("terminal_escape", 0.5, colour, needs=needs),
        _any("terminal_escape", 0.9, rf"(?!{colour})(?:\x1b\][^\x07\x1b\n]{{0,1000}}\x07?|(?:\x1b\[|\x9b)[0-?]{{0,24}}[ -/]{{0,3}}[@-~]?|\x1b[^\[\]]?)", needs=needs),
    ]  # fmt: skip


def _any(category: str, score: float, pattern: str, **how: Any) -> Rule:
    return rule(category, score, pattern, ignore_case=True, **how)


def _open_from(text: str) -> int:
    opened = _OPEN.search(text)
    return min(last_word(text), opened.start() if opened else len(text))


def _is_in_code(match: re.Match[str]) -> bool:
    """Say whether a tag is all that stands between two backticks, of which the first opens (CommonMark 6.1)."""
    start = match.start("span")
    before = match.string[max(0, start - _CONTEXT) : start]
    opens = re.search(r"(?:\A|[\s(\"'])`\Z", before) and before.replace("\\`", "").count("`") % 2 == 1
    return bool(opens and re.match(r"<[^`\n]{0,60}`(?![\w$`(\[.])", match.string[start : start + WINDOW]))


def _near_end(match: re.Match[str]) -> int | None:
    """Return the span's end when what decides it lies inside the window."""
    return match.end("span") if match.end("head") - match.start("span") <= WINDOW else None


def _late_end(match: re.Match[str]) -> int | None:
    """Return the end of a span that `_near_end` can't reach, when its context may be looked at."""
    before = match.start("span") - match.start()
    return match.end("span") if before <= _CONTEXT and match.end("head") - match.start() > WINDOW else None


def _address_end(match: re.Match[str]) -> int | None:
    """Return the span's end when it stands in an address."""
    before = match.string[max(0, match.start("span") - _CONTEXT) : match.start("span")]
    return match.end("span") if _IN_ADDRESS.search(before) else None


def _decoded_end(match: re.Match[str]) -> int | None:
    """Return the span's end when its head is text in an encoding, and it stands in an address."""
    return _address_end(match) if any(map(_is_text, _decodings(match["head"]))) else None


def _public_end(match: re.Match[str]) -> int | None:
    """Return the span's end when its host is a public internet address."""
    host = match["host"] or match.groupdict().get("six") or ""
    try:
        is_public = ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return None
    return match.end("span") if is_public else None


def _decodings(value: str) -> Iterator[bytes]:
    """Yield what a value may say in base16, base32 and base64 (RFC 4648), from each place where a group may begin."""
    if re.fullmatch(r"[0-9A-Fa-f]{24,}", value):
        yield from (bytes.fromhex(value[shift : shift + (len(value) - shift) // 2 * 2]) for shift in (0, 1))
    if re.fullmatch(r"[A-Za-z2-7]{24,}", value):
        yield base64.b32decode(value[: len(value) // 8 * 8].upper())
    plain = value.replace("-", "+").replace("_", "/").rstrip("=")
    for shift in range(4 if len(plain) >= 28 else 1):
        yield binascii.a2b_base64(plain[shift : shift + (len(plain) - shift) // 4 * 4])


def _is_text(data: bytes) -> bool:
    """Say whether these bytes are readable UTF-8, but for a character cut off at the end."""
    text = data.decode("utf-8", errors="replace").rstrip("\ufffd")
    shown = all((char.isprintable() and char != "\ufffd") or char in "\t\r\n" for char in text)
    letters = sum(char.isalnum() or char == " " for char in text)
    return len(data) >= 12 and shown and len(data) - len(text.encode()) < 4 and letters >= 0.7 * len(text)
