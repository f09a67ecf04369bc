from apps.dataset_words import scan_sentences

SCAN = {"texts": 40, "scanned": 10, "personal": {"email": 3, "phone": 1}, "secrets": {}, "injected": {"role_claim": 2}}


def test_findings_are_said_group_by_group_and_how_much_was_looked_at() -> None:
    assert scan_sentences(SCAN) == [
        "Personal data: 3 e-mail addresses, 1 phone number.",
        "Orders to an assistant: role claim (2).",
        "10 of 40 texts (25%) were looked at; names of persons were not looked for.",
    ]


def test_nothing_found_and_nothing_scanned_are_not_the_same() -> None:
    clean = SCAN | {"personal": {}, "injected": {}, "scanned": 40}
    assert scan_sentences(clean)[0].startswith("No personal data")
    assert scan_sentences(clean)[1].startswith("All 40 texts")
    assert scan_sentences(None) == ["It was not scanned."]
