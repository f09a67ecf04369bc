"""Writes small PDF files: pages of text, or of a picture alone."""

from collections.abc import Sequence


def build_pdf(pages: Sequence[str | None]) -> bytes:
    """Return a PDF whose pages hold these lines of text; None makes a page that is a picture."""
    objects: dict[int, bytes] = {3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"}
    objects[4] = _stream(b"\x00", "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray "
                         "/BitsPerComponent 8")  # fmt: skip
    kids = []
    for text in pages:
        number = len(objects) + 3
        kids.append(f"{number} 0 R")
        used = "/XObject << /I 4 0 R >>" if text is None else "/Font << /F 3 0 R >>"
        page = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << {used} >>"
        objects[number] = f"<< {page} /Contents {number + 1} 0 R >>".encode()
        objects[number + 1] = _stream(b"/I Do" if text is None else _content(text))
    objects[2] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>".encode()
    objects[1] = b"<< /Type /Catalog /Pages 2 0 R >>"
    return _assemble(objects)


def _content(text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    shown = " ".join(f"({line}) Tj T*" for line in escaped.split("\n"))
    return f"BT /F 12 Tf 50 780 Td 14 TL {shown} ET".encode("latin-1")


def _stream(data: bytes, entries: str = "") -> bytes:
    return f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream"


def _assemble(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number in range(1, len(objects) + 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, objects[number])
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    return bytes(out)
