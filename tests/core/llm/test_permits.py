from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import PermitRefused, SettingsError
from core.llm import PermitOffice

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def ticking() -> Clock:
    return Clock()


@pytest.fixture
def permits(ticking: Clock) -> PermitOffice:
    return PermitOffice(60, clock=ticking)


def test_permit_is_good_once(permits: PermitOffice) -> None:
    permit = permits.issue("sha256:a", turn_id="t")
    permits.redeem(permit, "sha256:a")
    with pytest.raises(PermitRefused, match="reused"):
        permits.redeem(permit, "sha256:a")


def test_permit_carries_what_it_is_for(permits: PermitOffice) -> None:
    permit = permits.issue("sha256:a", turn_id="turn-7")
    assert (permit.turn_id, permit.request_digest) == ("turn-7", "sha256:a")
    assert permit.expires_at == START + timedelta(seconds=60)
    assert permit.id != permits.issue("sha256:a", turn_id="turn-7").id


@pytest.mark.parametrize("forged", [None, "a permit", b"seal"], ids=["none", "text", "bytes"])
def test_permit_missing_or_of_wrong_type_is_refused(permits: PermitOffice, forged: object) -> None:
    with pytest.raises(PermitRefused, match="missing" if forged is None else "foreign"):
        permits.redeem(forged, "sha256:a")


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"turn_id": "other"},
        {"request_digest": "sha256:b"},
        {"expires_at": START + timedelta(days=1)},
        {"seal": b""},
        {"seal": b"x" * 32},
    ],
    ids=["id", "turn", "digest", "life", "no seal", "seal"],
)
def test_permit_changed_in_any_field_is_foreign(permits: PermitOffice, change: dict[str, object]) -> None:
    permit = replace(permits.issue("sha256:a", turn_id="t"), **change)
    with pytest.raises(PermitRefused, match="foreign"):
        permits.redeem(permit, permit.request_digest)


def test_permit_of_another_office_is_foreign(permits: PermitOffice, ticking: Clock) -> None:
    with pytest.raises(PermitRefused, match="foreign"):
        permits.redeem(PermitOffice(60, clock=ticking).issue("sha256:a", turn_id="t"), "sha256:a")


def test_permit_for_another_request_is_refused_and_stays_good(permits: PermitOffice) -> None:
    permit = permits.issue("sha256:a", turn_id="t")
    with pytest.raises(PermitRefused, match="another request"):
        permits.redeem(permit, "sha256:b")
    permits.redeem(permit, "sha256:a")


def test_permit_expires(permits: PermitOffice, ticking: Clock) -> None:
    permit = permits.issue("sha256:a", turn_id="t")
    ticking.now += timedelta(seconds=60)
    with pytest.raises(PermitRefused, match="expired"):
        permits.redeem(permit, "sha256:a")


def test_permit_redeemed_by_many_threads_is_good_once(permits: PermitOffice) -> None:
    permit = permits.issue("sha256:a", turn_id="t")

    def redeem(_: int) -> bool:
        try:
            permits.redeem(permit, "sha256:a")
        except PermitRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(redeem, range(64))) == 1


def test_office_forgets_expired_permits(permits: PermitOffice, ticking: Clock) -> None:
    for number in range(50):
        permits.redeem(permits.issue(f"sha256:{number}", turn_id="t"), f"sha256:{number}")
        ticking.now += timedelta(seconds=10)
    assert len(permits._redeemed) <= 6


@pytest.mark.parametrize(
    ("ttl_s", "secret"), [(0, None), (-1, None), (60, b"short")], ids=["zero", "negative", "secret"]
)
def test_office_refuses_senseless_settings(ticking: Clock, ttl_s: float, secret: bytes | None) -> None:
    with pytest.raises(SettingsError):
        PermitOffice(ttl_s, clock=ticking, secret=secret)


def test_offices_of_one_secret_know_each_other(ticking: Clock) -> None:
    one, other = (PermitOffice(60, clock=ticking, secret=b"s" * 32) for _ in range(2))
    other.redeem(one.issue("sha256:a", turn_id="t"), "sha256:a")
