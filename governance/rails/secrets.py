"""The rail for credentials: keys, tokens, passwords in assignments and connection strings, private keys.

It doesn't find a secret without a known form, a name before it, or a high entropy next to a key word, nor one with an
invisible character inside. The forms are those that their issuers publish; most also stand in detect-secrets, whose
plugins give no spans and judge whole lines, so that a stream could not be held to the same findings.
"""

# ruff: noqa: E501 - a pattern is read as one line

import math
import re
from collections import Counter

from governance.rails.pattern_rail import PatternRail, Rule, last_word, rule

_PLACEHOLDER = re.compile(
    r"[\[<{$%*x.]|(?:your|my|the|some|example|changeme|change_me|placeholder|redacted|none|null|true|false|process\.env|"
    r"os\.|env\.|settings|config|getenv|input|self\.|str\b|string|required|optional)",
    re.IGNORECASE,
)


def build_secrets_rail() -> PatternRail:
    """Build the rail `secrets`."""
    return PatternRail("secrets", [*_token_rules(), *_named_rules()], open_from=last_word)


def _token_rules() -> list[Rule]:
    jwt = r"eyJ[\w-]{17}[\w.=-]*"  # RFC 7519: a JSON object in base64url starts so
    return [
        rule(
            "aws_access_key",
            0.95,
            r"(?<![A-Za-z0-9])(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}[0-9A-Z]*",
            needs="A",
        ),
        rule(
            "github_token",
            0.98,
            r"(?<![A-Za-z0-9])(?:gh[opsur]_[A-Za-z0-9]{30}|github_pat_[A-Za-z0-9_]{22})\w*",
            needs="_",
        ),
        rule(
            "gitlab_token",
            0.98,
            r"(?<![A-Za-z0-9])gl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|oas|imt)-[\w-]{20}[\w-]*",
            needs="-",
        ),
        rule("slack_token", 0.98, r"(?<![A-Za-z0-9])xox[abceposr]-[A-Za-z0-9-]{10}[\w-]*", needs="-"),
        rule("slack_token", 0.98, r"hooks\.slack\.com/services/(?P<span>T\w{4}[\w/]*)", needs="/"),
        rule("google_key", 0.95, r"(?<![A-Za-z0-9])(?:AIza[\w-]{35}|ya29\.[\w-]{20})[\w.-]*", needs="Ay"),
        rule("model_api_key", 0.95, r"(?<![A-Za-z0-9-])sk-(?=[\w-]{0,20}[0-9])[\w-]{20}[\w-]*", needs="-"),
        rule("stripe_key", 0.98, r"(?<![A-Za-z0-9])(?:[rs]k_(?:live|test)_|whsec_)[0-9a-zA-Z]{16}\w*", needs="_"),
        rule(
            "package_token", 0.98, r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{36}|pypi-AgE[\w-]{20}|hf_[A-Za-z0-9]{30})[\w-]*"
        ),
        rule(
            "mail_api_key",
            0.95,
            r"(?<![A-Za-z0-9])(?:SG\.[\w-]{16}[\w.-]*|[0-9a-f]{32}-us[0-9]{1,2}(?!\w))",
            needs=".-",
        ),
        rule("chat_bot_token", 0.95, r"(?<![A-Za-z0-9])[0-9]{8,10}:AA[\w-]{33}[\w-]*", needs=":"),
        rule("chat_bot_token", 0.9, r"(?<![A-Za-z0-9])[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27}[\w-]*", needs="."),
        rule("twilio_key", 0.85, r"(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?!\w)", needs="SA"),
        rule("jwt", 0.95, rf"(?<![A-Za-z0-9]){jwt}", needs="J"),
        rule(  # RFC 7468
            "private_key",
            1.0,
            r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?P<span>(?:(?!-----END)[\s\S])+)",
            needs="-",
        ),
    ]


def _named_rules() -> list[Rule]:
    name = (
        r"(?:passw(?:or)?d|passphrase|passcode|pwd|pw|secret|credentials?|api[ _-]?key|access[ _-]?key|secret[ _-]?key|"
        r"auth[ _-]?token|access[ _-]?token|refresh[ _-]?token|client[ _-]?secret|account[ _-]?key|private[ _-]?key|token)"
    )
    value = r"(?P<span>(?P<head>[^\s\"'`”’“,;<>()]{6,40})[^\s\"'`”’“,;<>()]*)"
    return [
        rule(
            "password",
            0.9,
            rf"(?<![A-Za-z]){name}[\"']?\*{{0,2}} ?(?P<how>=|:=|:|->|is(?: now)?:?(?= ))\*{{0,2}} ?[\"'`“]?{value}",
            end_of=_assigned_end,
            ignore_case=True,
        ),
        rule(
            "access_token",
            0.9,
            r"(?<![A-Za-z])(?:bearer|basic|token) (?P<span>(?=[\w.~+/=-]{0,19}[0-9])[\w.~+/=-]{20}[\w.~+/=-]*)",
            ignore_case=True,
        ),
        rule(  # RFC 3986, section 3.2.1
            "connection_password",
            0.9,
            r"(?<![A-Za-z0-9])[a-z][a-z0-9+.-]{1,15}://[^\s:/@]{0,40}:(?P<span>(?:[^\s@/]{1,62}(?=@)|[^\s@/]{63})[^\s@/]*)",
            needs="/",
            ignore_case=True,
        ),
        rule(
            "high_entropy",
            0.7,
            r"(?<![A-Za-z])(?:secret|token|key|credential|signature|auth|aws)[^\n/]{0,30}?(?<![\w/+=-])"
            r"(?P<span>(?P<head>[A-Za-z0-9+/_=-]{24,40})[A-Za-z0-9+/_=-]*)",
            end_of=_entropy_end,
            ignore_case=True,
        ),
    ]


def _assigned_end(match: re.Match[str]) -> int | None:
    """Return the value's end unless it is a plain word or stands for a value."""
    head = match.group("head")
    if _PLACEHOLDER.match(head):
        return None
    spoken = match.group("how").lower().startswith("is") or match.group("how") == ":"
    has_sign = any(not char.isalpha() and char not in ".!?-_'’:" for char in head)
    return match.end("span") if has_sign or not (spoken or "." in head) else None


def _entropy_end(match: re.Match[str]) -> int | None:
    """Return the value's end when its first characters mix letters and digits at 3.5 bits each or more."""
    head = match.group("head")
    counts = Counter(head).values()
    bits = -sum(n / len(head) * math.log2(n / len(head)) for n in counts)
    mixed = any(c.isdigit() for c in head) and any(c.isalpha() for c in head)
    return match.end("span") if mixed and bits >= 3.5 else None
