"""What a scan of a dataset found, in sentences that both apps show."""

from collections.abc import Mapping
from typing import Any

GROUPS = {
    "personal": "Personal data",
    "secrets": "Secrets",
    "injected": "Orders to an assistant",
}
KINDS = {
    "email": ("e-mail address", "e-mail addresses"),
    "phone": ("phone number", "phone numbers"),
    "postal_address": ("postal address", "postal addresses"),
    "date_of_birth": ("date of birth", "dates of birth"),
    "ip_address": ("IP address", "IP addresses"),
    "age_over_89": ("age over 89", "ages over 89"),
    "personal_url": ("address of a personal page", "addresses of personal pages"),
    "credit_card": ("card number", "card numbers"),
    "iban": ("bank account", "bank accounts"),
    "ssn": ("social security number", "social security numbers"),
}


def scan_sentences(scan: Mapping[str, Any] | None) -> list[str]:
    """Return what was found, group by group, then how much was looked at; one sentence where nothing was scanned."""
    if scan is None:
        return ["It was not scanned."]
    found = [f"{words}: {_kinds(scan[group])}." for group, words in GROUPS.items() if scan[group]]
    return [*(found or ["No personal data, no secrets and no orders to an assistant were found."]), _extent(scan)]


def _kinds(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(_kind(kind, number) for kind, number in ordered)


def _kind(kind: str, number: int) -> str:
    if kind not in KINDS:
        return f"{kind.replace('_', ' ').replace('-', ' ')} ({number:,})"
    one, more = KINDS[kind]
    return f"{number:,} {one if number == 1 else more}"


def _extent(scan: Mapping[str, Any]) -> str:
    texts, scanned = scan["texts"], scan["scanned"]
    if not texts:
        return "There was no text to look at."
    looked = "All" if scanned == texts else f"{scanned:,} of"
    share = "" if scanned == texts else f" ({scanned / texts:.0%})"
    return f"{looked} {texts:,} texts{share} were looked at; names of persons were not looked for."
