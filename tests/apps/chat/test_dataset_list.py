from urllib.parse import parse_qs, urlsplit

from apps.chat.dataset_list import read_listing
from apps.chat.frames import Sent
from governance.schema import AgentView
from tests.apps.live import Live


def test_pages_lead_on_and_back_and_keep_what_was_asked(live: Live, garden: AgentView, signs: AgentView) -> None:
    store = live.workbench.records.store
    first = read_listing(store, Sent(tier="internal"), size=1)
    assert len(first.datasets) == 1
    assert first.total >= 3
    assert first.links[0] == ""
    asked = parse_qs(urlsplit(first.links[1].removeprefix("#")).query)
    assert asked == {"tier": ["internal"], "page": ["2"]}
    second = read_listing(store, Sent(tier="internal", page=2), size=1)
    assert second.first == 2
    assert second.datasets != first.datasets
    assert parse_qs(urlsplit(second.links[0].removeprefix("#")).query)["page"] == ["1"]


def test_a_facet_counts_what_each_of_its_choices_would_leave(live: Live, garden: AgentView) -> None:
    listing = read_listing(live.workbench.records.store, Sent(text="garden-rules", tier="restricted"))
    tiers = next(facet for facet in listing.choices if facet.name == "tier")
    assert listing.total == 0
    assert dict(tiers.values) == {"internal": 1}
