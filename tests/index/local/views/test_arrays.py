"""What scoring reads of passages: found as it was written, or not at all."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from index.local.views.arrays import PassageArrays, PassageRows, Segment, write_segment

pytestmark = pytest.mark.medium


@pytest.fixture
def rows() -> PassageRows:
    """Three passages with vectors of 10 dimensions."""
    rng = np.random.default_rng(3)
    return PassageRows(
        np.array([4, 9, 11]),
        np.array([2, 1, 3]),
        rng.standard_normal((6, 10)).astype(np.float16),
        np.array([0, 3, 2, 1, 0, 4]),
        np.array([3, 2, 5]),
        rng.integers(1 << 32, size=10, dtype=np.uint32),
    )


@pytest.fixture
def segment(rows: PassageRows, tmp_path: Path) -> Segment:
    """The three passages in ``tmp_path / "segment"``."""
    write_segment(tmp_path / "segment", [rows], 10)
    return Segment(tmp_path / "segment", 10)


def same(read: PassageRows, expected: PassageRows) -> bool:
    return all(np.array_equal(*both) for both in zip(*[read, expected], strict=True))


@pytest.mark.parametrize("asked", [[0, 1, 2], [0, 2], [2], []])
def test_rows_are_read_as_they_were_written(
    rows: PassageRows, segment: Segment, tmp_path: Path, asked: list[int]
) -> None:
    chosen = rows.taken(np.array(asked, dtype=np.int64))
    assert same(segment.rows(chosen.ids), chosen)
    (tmp_path / "segment" / "rows").unlink()  # a checkpoint that was replaced is read to the end
    assert same(segment.rows(chosen.ids), chosen)


def test_rows_of_a_file_that_is_cut_short_while_it_is_read_are_as_written_or_not_there(
    rows: PassageRows, segment: Segment, tmp_path: Path
) -> None:
    path = tmp_path / "segment" / "rows"
    for size in range(path.stat().st_size, -1, -1):
        os.truncate(path, size)
        whole = int(np.searchsorted(np.cumsum(rows.n_rows) * 32, size, side="right"))
        left = segment.rows(rows.ids)
        assert whole <= len(left.ids) <= whole + 1  # of the one that is cut, only zeros may be missing
        assert same(left, rows.taken(np.arange(len(left.ids))))


def test_rows_that_the_disk_cannot_read_are_not_there(
    rows: PassageRows, segment: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.preadv

    def fail(fd: int, buffers: list[memoryview], offset: int, flags: int = 0) -> int:
        if offset == 0:
            raise OSError(errno.EIO, "Input/output error")
        return read(fd, buffers, offset, flags)

    monkeypatch.setattr(os, "preadv", fail)
    assert len(segment.rows(rows.ids[:1]).ids) == 0
    assert same(segment.rows(rows.ids[1:]), rows.taken(np.arange(1, 3)))


def test_rows_that_are_not_in_the_file_cache_are_read_from_the_disk(
    rows: PassageRows, segment: Segment, tmp_path: Path
) -> None:
    with open(tmp_path / "segment" / "rows", "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert same(segment.rows(rows.ids), rows)


@pytest.mark.parametrize("cached", [None, 0, 1, 31, 63])
def test_rows_are_read_whole_where_only_part_can_be_had_without_waiting(
    rows: PassageRows, segment: Segment, monkeypatch: pytest.MonkeyPatch, cached: int | None
) -> None:
    read = os.preadv

    def read_part(fd: int, buffers: list[memoryview], offset: int, flags: int = 0) -> int:
        if flags and cached is None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return read(fd, [buffers[0][:cached]], offset) if flags else read(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", read_part)
    for asked in ([0, 2], [0, 1, 2], [1]):
        chosen = rows.taken(np.array(asked))
        assert same(segment.rows(chosen.ids), chosen)


def test_a_damaged_row_counts_as_not_there(rows: PassageRows, tmp_path: Path) -> None:
    write_segment(tmp_path / "segment", [rows], 10)
    for name in ("rows", "terms"):
        path = tmp_path / "segment" / name
        content = path.read_bytes()
        for place in range(len(content) - 24):
            damaged = bytearray(content)
            damaged[place] ^= 1 << place % 8
            path.write_bytes(damaged)
            left = Segment(tmp_path / "segment", 10).rows(rows.ids)
            for passage in left.ids.tolist():
                read, other = (part.taken(np.flatnonzero(part.ids == passage)) for part in (left, rows))
                assert np.array_equal(read.vectors, other.vectors) and np.array_equal(read.terms, other.terms)
                assert np.array_equal(read.term_counts, other.term_counts)
            assert len(left.ids) < 3
        path.write_bytes(content)


@pytest.fixture
def segments(rows: PassageRows, tmp_path: Path) -> list[Path]:
    """The first passage in a segment, the others in another, between them one of passages 5 to 7."""
    between = rows._replace(ids=np.array([5, 6, 7]))
    parts = [rows.taken(np.array([0])), between, rows.taken(np.array([1, 2]))]
    for number, part in enumerate(parts):
        write_segment(tmp_path / str(number), [part], 10)
    return [tmp_path / str(number) for number in range(3)]


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("asked", [[4, 9, 11], [11, 4, 9], [9], [4, 11], [1, 4, 8, 10, 11, 99], [1, 8, 99], []])
def test_passages_are_found_in_all_segments_and_in_memory_once_as_many_were_read(
    rows: PassageRows, segments: list[Path], asked: list[int], is_kept: bool
) -> None:
    arrays = PassageArrays([Segment(path, 10) for path in segments], 10)
    if is_kept:
        arrays.rows(np.arange(6))
        for path in segments:
            os.truncate(path / "rows", 0)
    read = arrays.rows(np.array(asked, dtype=np.int64))
    expected = rows.taken(np.flatnonzero(np.isin(rows.ids, asked)))
    assert same(read.taken(np.argsort(read.ids)), expected)
    ids, lengths, terms = arrays.terms(np.array(asked, dtype=np.int64))
    of_terms = read._replace(ids=ids, n_terms=lengths, terms=terms)
    assert np.array_equal(of_terms.taken(np.argsort(ids)).terms, expected.terms)
    assert np.array_equal(lengths[np.argsort(ids)], expected.n_terms)


def test_a_damaged_segment_hides_no_passage_of_another(rows: PassageRows, segments: list[Path]) -> None:
    path = segments[2] / "terms"
    content = path.read_bytes()
    for place in range(len(content) - 24):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        arrays = PassageArrays([Segment(path, 10) for path in segments], 10)
        read = arrays.rows(np.array([11, 4, 9]))
        assert 4 in read.ids and same(read, rows.taken(np.flatnonzero(np.isin(rows.ids, read.ids))))
        ids, lengths, terms = arrays.terms(np.array([11, 4, 9]))
        expected = rows.taken(np.flatnonzero(np.isin(rows.ids, ids)))
        assert 4 in ids and np.array_equal(lengths, expected.n_terms) and np.array_equal(terms, expected.terms)


def test_no_segments_have_no_passages() -> None:
    arrays = PassageArrays([], 10)
    assert len(arrays.rows(np.array([1, 2])).ids) == len(arrays.terms(np.array([1, 2]))[0]) == arrays.last == 0
