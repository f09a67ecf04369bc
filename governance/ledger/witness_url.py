"""An address that witnesses: POST keeps a signed checkpoint, GET gives back the newest one.

The note itself is the body, as text/plain; 404 or 204 means that none is kept yet. Notes are signed, so a server can
refuse those of strangers by the public key; it should refuse one over fewer entries than it holds. It is not C2SP's
tlog-witness, which also signs.
"""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from governance.errors import LedgerError
from governance.ledger.notes import MAX_NOTE_CHARS

TIMEOUT_S = 5.0
TRIES = 3
PAUSE_S = 0.3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class WitnessUrl:
    """Keeps checkpoints with a server."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep, timeout_s: float = TIMEOUT_S) -> None:
        """Take the address; nothing is asked yet.

        Raises:
            LedgerError: It is not an https address, or http on this machine.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise LedgerError(
                f"The witness's address must start with https://; found {parts.scheme}://{parts.hostname}."
            )
        self._url = url
        self._sleep = sleep
        self._timeout_s = timeout_s
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def read(self) -> list[str]:
        """Return the newest checkpoint, or nothing when none is kept yet.

        Raises:
            LedgerError: The server does not answer in time, or with something else.
        """
        answer = self._ask("GET", None)
        if answer.status_code in (204, 404):
            return []
        if answer.status_code != 200 or len(answer.content) > MAX_NOTE_CHARS:
            raise LedgerError(
                f"The witness at {self.name} answered {answer.status_code} where a checkpoint was expected."
            )
        return [answer.content.decode("utf-8", errors="replace")]

    def write(self, size: int, note: str) -> None:
        """Send the checkpoint over `size` entries.

        Raises:
            LedgerError: The server does not answer in time, or refuses it.
        """
        answer = self._ask("POST", note)
        if not answer.is_success:
            raise LedgerError(f"The witness at {self.name} refused the checkpoint over {size}: {answer.status_code}.")

    def _ask(self, method: str, note: str | None) -> httpx.Response:
        """Ask until there is an answer that is not the server's own failure."""
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                self._sleep(PAUSE_S * attempt)
            try:
                answer = self._ask_once(method, note)
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                problem = str(exc) or type(exc).__name__
            else:
                if answer.status_code < 500:
                    return answer
                problem = f"it answers {answer.status_code}"
        raise LedgerError(f"The witness at {self.name} can't be reached, tried {TRIES} times: {problem}.")

    def _ask_once(self, method: str, note: str | None) -> httpx.Response:
        headers = {"content-type": "text/plain; charset=utf-8"} if note is not None else {}
        content = note.encode() if note is not None else None
        return httpx.request(method, self._url, content=content, headers=headers, timeout=self._timeout_s)
