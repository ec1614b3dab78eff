"""Archives: what is in them, and that nothing they claim or hold goes beyond the bounds."""

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable

import pytest

from rag.parsing.archives import members as module
from rag.parsing.archives.members import is_archive, members
from rag.parsing.formats import parse
from rag.shared.errors import ContentTooLarge, RagError, UnreadableContent, UnsupportedFormat
from tests.rag.parsing.containers import tarred, zipped

TEXT = b"The ship Aurora left Oslo on 3 March."


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_what_it_holds(pack: Callable[[bytes], bytes]) -> None:
    assert list(members("a.txt.gz", pack(TEXT))) == [("", TEXT)]
    assert list(members("a.tgz", pack(tarred({"b/c.txt": TEXT})))) == [("b/c.txt", TEXT)]


def test_mails_of_a_mailbox_are_members() -> None:
    first = b"From a@x Fri Mar 14 09:30:00 2025\nSubject: one\n\n>From here\n\n"
    box = first + b"From b@x Fri Mar 14 10:30:00 2025\nSubject: two\n\nend\n"
    assert list(members("a.mbox", box)) == [
        ("1.eml", b"Subject: one\n\nFrom here"),
        ("2.eml", b"Subject: two\n\nend\n"),
    ]


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../a.txt", "a/../../b.txt", "/etc/passwd", "C:/a.txt", "a\\..\\..\\b.txt", "a\x07.txt", "..", "a/.."]
)
def test_names_that_lead_out_are_refused_or_left_out(make: Callable[[dict[str, bytes]], bytes], name: str) -> None:
    found = {member.path: member.content for member in members("a", make({name: TEXT, "good.txt": TEXT}))}
    assert found.pop("good.txt") == TEXT
    assert all(isinstance(content, RagError) or ".." not in path.split("/") for path, content in found.items())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_left_out(kind: bytes) -> None:
    assert list(members("a.tar", tarred({"x": b""}, kind))) == []


def test_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMBER_BYTES", 2**20)
    bomb = gzip.compress(bytes(2**22))
    for content in (bomb, zipped({"a": bytes(2**22)}), tarred({"b.gz": bomb})):
        with pytest.raises(ContentTooLarge):
            for member in members("a", content):
                if isinstance(member.content, RagError):
                    raise member.content


def test_archives_inside_archives_end() -> None:
    content = TEXT
    for _ in range(8):
        content = zipped({"inner.zip": content})
    [(path, error)] = members("a.zip", content)
    assert isinstance(error, ContentTooLarge) and "deep" in str(error)


def test_an_archive_of_too_many_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMBERS", 50)
    with pytest.raises(ContentTooLarge, match="files in one archive"):
        list(members("a.zip", zipped({f"{n}.txt": TEXT for n in range(60)})))


HOSTILE = {
    "zip": zipped({f"{n}/a.txt": TEXT * 20 for n in range(5)}),
    "tar": tarred({f"{n}/a.txt": TEXT * 20 for n in range(5)}),
    "gz": gzip.compress(TEXT * 50),
    "bz2": bz2.compress(TEXT * 50),
    "xz": lzma.compress(TEXT * 50),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("part", range(20))
@pytest.mark.parametrize("how", ["cut", "zeros", "ones"])
def test_damage_is_refused_or_read_around(kind: str, part: int, how: str) -> None:
    content = HOSTILE[kind]
    at = len(content) * part // 20
    rest = content[at + 8 :]
    broken = {"cut": content[:at], "zeros": content[:at] + bytes(8) + rest, "ones": content[:at] + b"\xff" * 8 + rest}[
        how
    ]
    try:
        if is_archive(broken):
            for member in members("a", broken):
                assert isinstance(member.content, bytes | UnreadableContent | ContentTooLarge)
    except RagError as error:
        assert "\n" not in str(error)


def test_a_damaged_document_in_an_archive_costs_itself_alone() -> None:
    content = zipped({"a.docx": b"PK\x03\x04" + bytes(100), "b.txt": TEXT})
    assert [member.path for member in members("a.zip", content)] == ["a.docx", "b.txt"]
    assert not is_archive(b"PK\x03\x04" + bytes(100))


@pytest.mark.parametrize(
    ("part", "advice"),
    [
        ("Index/Document.iwa", "export it as PDF"),
        ("buildVersionHistory.plist", "export it as PDF"),
        ("xl/workbook.bin", "save it as XLSX"),
        ("visio/document.xml", "export it as PDF"),
        ("FixedDocSeq.fdseq", "print it to a PDF"),
    ],
)
def test_a_document_of_a_kind_that_is_not_read_is_refused_as_one(part: str, advice: str) -> None:
    """Not unpacked into dozens of parts, of which none can be read."""
    content = zipped({part: b"\x00\x01", "preview.jpg": b"\xff\xd8\xff"})
    assert not is_archive(content)
    with pytest.raises(UnsupportedFormat, match=advice):
        parse("b.numbers", content)
