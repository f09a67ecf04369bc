"""The text of a PDF's pages: {"page": 4, "text": ..., "pictures": whether it shows any}; first {"pages": how many}."""

import logging
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError

from core.datasets.extractors.serving import said_by, serve


def read(path: str) -> Iterator[dict[str, Any]]:
    """Yield how many pages there are, and each page."""
    logging.disable()
    reader = PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise FileNotDecryptedError("encrypted with a password. Save it without one.")
    yield {"pages": len(reader.pages)}
    for number, page in enumerate(reader.pages, start=1):
        try:
            text = page.extract_text()
            yield {"page": number, "text": text, "pictures": not text.strip() and _has_pictures(page)}
        except Exception as exc:  # noqa: BLE001 - whatever a damaged page raises, the others may be whole
            yield {"page": number, "failed": said_by(exc)}


def _has_pictures(page: Any) -> bool:
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    return objects is not None and bool(objects.get_object())


if __name__ == "__main__":
    serve(read)
