import io
import stat
import zipfile

import pytest

from core.datasets.readers import archive, read_parts
from core.datasets.schema import TablePart
from core.errors import DatasetError

from .pdf_files import build_pdf


def zipped(members: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return out.getvalue()


def test_members_are_read_by_their_own_format_one_by_one(write, reading, tmp_path) -> None:
    inner = zipped({"deep.csv": "a,b\n1,2\n"})
    members = {"b/manual.pdf": build_pdf(["Page text."]), "a.csv": "x;y\n1;2\n", "__MACOSX/a.csv": "", "c.zip": inner}
    write("sub/all.zip", zipped(members))
    read = reading(tmp_path)
    assert read.files == ["sub/all.zip/a.csv", "sub/all.zip/b/manual.pdf", "sub/all.zip/c.zip/deep.csv"]
    assert read.rows == [[("1", "2")], [("1", "2")]]
    assert read.passages[0].document == "Manual"


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "C:\\evil.csv", "..\\evil.csv"])
def test_names_that_lead_outside_are_refused(write, reading, tmp_path, name: str) -> None:
    path = write("z.zip", zipped({name: "a\n1\n", "fine.csv": "a\n1\n"}))
    read = reading(path)
    assert (read.files, len(read.problems)) == (["z.zip/fine.csv"], 1)
    assert "leads out of the archive" in read.problems[0]
    assert [p.name for p in tmp_path.iterdir()] == ["z.zip"]
    with pytest.raises(DatasetError, match="leads out"):
        list(read_parts(path))


def test_links_and_passwords_are_refused(write, reading) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(link, "/etc/passwd")
        target.writestr("locked.csv", "a\n1\n")
    data = bytearray(out.getvalue())
    at = data.index(b"locked.csv", data.index(b"PK\x01\x02"))
    data[at - 46 + 8] |= 1
    read = reading(write("z.zip", bytes(data)))
    assert read.files == []
    assert ["is a link" in read.problems[0], "is encrypted" in read.problems[1]] == [True, True]


def test_bombs_are_refused_before_they_unpack(write) -> None:
    bomb = zipped({"zeros.csv": b"0" * 20_000_000})
    for name in ("z.zip", "z.xlsx", "z.docx", "z.ods"):
        with pytest.raises(DatasetError, match="archive bomb"):
            list(read_parts(write(name, bomb)))
    many = zipped({f"{n}.csv": "" for n in range(archive.MAX_MEMBERS + 1)})
    with pytest.raises(DatasetError, match="holds 5001 files"):
        list(read_parts(write("z.zip", many)))
    nested = zipped({"a.csv": "a\n1\n"})
    for _ in range(archive.MAX_NESTING):
        nested = zipped({"z.zip": nested})
    with pytest.raises(DatasetError, match="lies in 2 archives"):
        list(read_parts(write("z.zip", nested)))


def test_an_archive_that_lies_about_sizes_is_refused(write, reading) -> None:
    data = bytearray(zipped({"a.csv": "a,b\n" + "1,2\n" * 5_000, "b.csv": "a\n1\n"}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    read = reading(write("z.zip", bytes(data)))
    assert read.files == ["z.zip/b.csv"]
    assert len(read.problems) == 1


def test_an_unread_table_does_not_stop_the_next_part(write) -> None:
    path = write("z.zip", zipped({"a.csv": "a\n1\n2\n", "b.csv": "a\n3\n"}))
    parts = [part.file for part in read_parts(path) if isinstance(part, TablePart)]
    assert parts == ["z.zip/a.csv", "z.zip/b.csv"]


def test_a_member_without_a_name_is_told(write, reading) -> None:
    data = zipped({"x.md": "text"}).replace(b"x.md", b"\x00.md")
    read = reading(write("z.zip", data))
    assert (read.files, read.problems) == ([], ["z.zip/: has no name."])
