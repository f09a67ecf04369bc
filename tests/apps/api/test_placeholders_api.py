"""What a placeholder stood for, over HTTP: for those with the right, with a reason."""

from governance.schema import AgentView
from tests.apps.live import Live

API = "/api/native-llm"


def test_reviewer_sees_what_a_placeholder_stood_for_and_its_person_does_not(live: Live, echo: AgentView) -> None:
    with live.client("mia") as mia, live.client("rex") as rex:
        asked = mia.post(f"{API}/chat", json={"agent_id": echo.id, "message": "I am jo@example.com"}).json()
        url = f"{API}/turns/{asked['turn_id']}/placeholders"
        assert mia.post(url, json={"reason": "Mine."}).status_code == 403
        assert rex.post(url, json={"reason": ""}).status_code == 422
        assert rex.post(url, json={"reason": "A complaint."}).json() == {"[EMAIL_1]": "jo@example.com"}
        assert rex.post(f"{API}/turns/unknown/placeholders", json={"reason": "A complaint."}).status_code == 404
