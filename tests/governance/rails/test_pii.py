import pytest

from governance.rails.pii import build_pii_rail

RAIL = build_pii_rail()

FOUND = [
    ("email", "Write to <<jane.doe@example.com>>, please."),
    ("email", "<<o'neil.b+x@mail.example.co.uk>>"),
    ("email", "Mail <<jürgen@exämple.de>>."),
    ("email", "from <<" + "a" * 40 + "@example.com>> today"),
    ("phone", "Call <<+1 (212) 555-0123>> now"),
    ("phone", "Call <<+44 20 7946 0958>>."),
    ("phone", "desk: <<212-555-0123>>"),
    ("phone", "desk: <<(212) 555-0123>>"),
    ("phone", "desk: <<833.719.3994x1887>>"),
    ("phone", "London <<020 7946 0958>>"),
    ("phone", "call me at <<2125550123>> tonight"),
    ("phone", "from abroad <<0049 30 1234567>>"),
    ("credit_card", "card <<4111 1111 1111 1111>> ok"),
    ("credit_card", "card <<4111-1111-1111-1111>>"),
    ("credit_card", "card <<5500005555555559>>"),
    ("credit_card", "card <<3782 822463 10005>>"),
    ("credit_card", "row 1 <<4111 1111 1111 1111>> 12/27"),
    ("credit_card", "card <<4111  1111  1111  1111>>"),
    ("credit_card", "card <<4111\u00a01111\u00a01111\u00a01111>>"),
    ("credit_card", "card <<4111\u200b1111\u200b1111\u200b1111>>"),
    ("credit_card", "card <<４１１１１１１１１１１１１１１１>>"),
    ("iban", "pay <<DE89 3704 0044 0532 0130 00>> BIC"),
    ("iban", "pay <<GB82WEST12345698765432>>"),
    ("iban", "pay <<gb82west12345698765432>>"),
    ("us_ssn", "It is <<123-45-6789>>."),
    ("us_ssn", "It is <<123 45 6789>>."),
    ("us_ssn", "SSN: <<123456789>>"),
    ("tax_id", "tax id <<12-3456789>>"),
    ("passport", "passport no. <<X1234567>>"),
    ("driver_license", "my driver's license is <<D1234567>>"),
    ("date_of_birth", "DOB: <<03/12/1980>>"),
    ("date_of_birth", "I was born on <<12 March 1980>> in Rome"),
    ("date_of_birth", "birthday: <<March 3, 1980>>"),
    ("date_of_birth", "My date of birth, which you asked for, is <<1 January 1980>>"),
    ("phone", "please call <<030 12345678>> after 2026-05-04"),
    ("medical_record", "MRN: <<00123456>>"),
    ("health_insurance", "id <<1EG4-TE5-MK73>>"),
    ("health_insurance", "Medicare number <<123456789A>>"),
    ("nhs_number", "NHS number <<943 476 5919>>"),
    ("bank_account", "account number <<12345678>>"),
    ("bank_account", "sort code <<12-34-56>>"),
    ("ip_address", "from <<8.8.8.8>>."),
    ("ip_address", "from <<2001:4860:4860::8888>> there"),
    ("mac_address", "card <<00:1B:44:11:3A:B7>>"),
    ("crypto_wallet", "to <<1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2>>"),
    ("crypto_wallet", "to <<bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq>>"),
    ("crypto_wallet", "to <<0x52908400098527886E0F7030069857D2E4169EE7>>"),
]


@pytest.mark.parametrize(("category", "marked"), FOUND)
def test_pii_rail_finds_exact_span(category: str, marked: str) -> None:
    start, end = marked.index("<<"), marked.index(">>") - 2
    text = marked.replace("<<", "").replace(">>", "")
    spans = {(f.start, f.end) for f in RAIL.inspect(text) if f.category == category}
    assert (start, end) in spans


@pytest.mark.parametrize(
    "text",
    [
        "The year 2024 and 30 percent of 1,250,000 people.",
        "Order 4111 1111 1111 1112 is not a card.",
        "Invoice 4111111111111112.",
        "Pay DE89 3704 0044 0532 0130 01 by mistake.",
        "It is 000-12-3456, never given.",
        "Version 1.2.3.4.5 and 192.168.0.1 and 127.0.0.1",
        "See section 10.2.3 on page 12-34.",
        "foo@bar and @mention and a @ b",
        "The meeting is on 12 March 2024 at 10:30.",
        "Give your date of birth. The office opens again on 12 March 2024.",
        "Jagger was born on 26 July 1943.",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "https://example.org/dp/0071829318",
        "Rows 100 200 3000 and 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        "",
        "[EMAIL_1] and [CREDIT_CARD_2] and [US_SSN_1]",
    ],
)
def test_pii_rail_leaves_harmless_text_alone(text: str) -> None:
    assert RAIL.inspect(text) == []


@pytest.mark.parametrize(
    "text",
    ["Please call, my account is DE89 3704 0044 0532 0130 00.", "I paid by phone with the card 2223 0031 2200 3222."],
)
def test_no_phone_is_found_inside_an_account_or_a_card(text: str) -> None:
    assert {f.category for f in RAIL.inspect(text)} & {"iban", "credit_card", "phone"} in ({"iban"}, {"credit_card"})


def test_pii_evidence_never_shows_the_value() -> None:
    [finding] = [f for f in RAIL.inspect("card 4111 1111 1111 1111") if f.category == "credit_card"]
    assert finding.evidence == "19 characters"


def test_pii_span_takes_combining_characters_along() -> None:
    text = "jane@example.com\u0301 x"
    assert [(f.start, f.end) for f in RAIL.inspect(text)] == [(0, 17)]
