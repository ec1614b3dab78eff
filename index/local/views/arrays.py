"""What scoring reads of passages: a copy of SQLite's rows in files in the layout of numpy.

Reading 200 passages takes SQLite some 500 pages, each with its checksum; here it is a read for each passage. The copy is never
trusted: each passage has a CRC-32 of its terms and one of its rows, and a passage of which either does not fit counts as not there,
so that the caller reads it from SQLite. So nothing need be hashed when a store is opened. (200 passages: 0.5 ms.)

A segment is two files. ``rows`` holds for each passage one row for its vector, then one for each sentence; a row ends in the number
of terms of its segment (context, then sentences). ``terms`` holds all terms, then a table with a line a passage, then three totals.
"""

import mmap
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.local.system import files
from index.local.views.ids import places
from index.local.views.reads import OpenFile, read_runs
from index.types import Ids, Terms

SEGMENT_PASSAGES = 100_000
# So few are kept in memory, 4 kB each, once as many have been read: what is asked of them is read and checked no more.
_FEW_PASSAGES = 4096
_ROWS, _TERMS = "rows", "terms"
# The columns of the table: numbers first, of which both checksums are too.
_ID, _FIRST_ROW, _N_ROWS, _FIRST_TERM, _N_TERMS, _TERMS_SUM, _ROWS_SUM = range(7)
_N_NUMBERS, _COLUMNS = 5, 7


class PassageRows(NamedTuple):
    """Rows of n passages, as flat arrays: for each passage one for itself, then one for each sentence.

    ids, n_rows, n_terms: int64 (n,).  vectors: float16 (sum of n_rows, dim).  term_counts: int64 (sum of n_rows,), of the context,
    then of the sentences; their sums are n_terms.  terms: uint32 (sum of n_terms,).
    """

    ids: Ids
    n_rows: Ids
    vectors: NDArray[np.float16]
    term_counts: Ids
    n_terms: Ids
    terms: Terms

    @classmethod
    def of(cls, rows: Sequence[tuple[int, bytes, bytes, bytes, bytes]], dim: int) -> "PassageRows":
        """From SQLite's: passage, terms, term counts, vector, sentence vectors."""
        ids, terms, counts, vectors, sentences = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        packed = b"".join(part for pair in zip(vectors, sentences, strict=True) for part in pair)
        return cls(
            np.array(ids, dtype=np.int64),
            np.array([len(block) // 4 for block in counts], dtype=np.int64),
            np.frombuffer(packed, dtype="<f2").reshape(-1, dim),
            np.frombuffer(b"".join(counts), dtype="<u4").astype(np.int64),
            np.array([len(block) // 4 for block in terms], dtype=np.int64),
            np.frombuffer(b"".join(terms), dtype="<u4").astype(np.uint32, copy=False),
        )

    def joined(self, others: "PassageRows") -> "PassageRows":
        """These, then the others."""
        return PassageRows(*map(np.concatenate, zip(*[self, others], strict=True)))

    def places(self, ids: Ids) -> Ids:
        """Where those of these ids stand that are here, if all here are in ascending order."""
        at = np.minimum(places(self.ids, ids), max(len(self.ids) - 1, 0))
        return at[self.ids[at] == ids] if len(self.ids) else at[:0]

    def taken(self, order: Ids) -> "PassageRows":
        """The passages at these positions int64 (m,), in this order."""
        if len(order) == len(self.ids) and np.array_equal(order, np.arange(len(order))):
            return self
        rows = spread(starts(self.n_rows)[order], self.n_rows[order])
        terms = spread(starts(self.n_terms)[order], self.n_terms[order])
        return PassageRows(
            self.ids[order],
            self.n_rows[order],
            self.vectors[rows],
            self.term_counts[rows],
            self.n_terms[order],
            self.terms[terms],
        )


def starts(lengths: Ids) -> Ids:
    """Where each of some runs begins that lie one after another: int64 (n,)."""
    begins: Ids = np.cumsum(lengths) - lengths
    return begins


def spread(first: Ids, lengths: Ids) -> Ids:
    """All indexes of runs [first, first + length), run after run: int64 (sum of lengths,)."""
    return np.repeat(first - starts(lengths), lengths) + np.arange(int(lengths.sum()))


class Segment:
    """Passages of a range of ids in two files, which never change."""

    def __init__(self, path: Path, dim: int) -> None:
        """Open the files of a segment. Raises OSError or ValueError when they are not there or have no possible size."""
        self.path = path
        self.dim = dim
        words = _row_words(dim)
        self.row_file, self.term_file = OpenFile(path / _ROWS), OpenFile(path / _TERMS)
        size = self.term_file.size()
        tail = np.zeros(3, dtype="<i8")
        self.term_file.read(tail.data.cast("B"), max(size - tail.nbytes, 0))
        n, self.n_rows, self.n_terms = tail.tolist()
        if min(tail) < 0 or size != _padded(4 * self.n_terms) + 8 * _COLUMNS * n + tail.nbytes:
            raise ValueError(f"{path / _TERMS} does not have the size that its totals say")
        if self.row_file.size() != 8 * self.n_rows * words:
            raise ValueError(f"{path / _ROWS} does not have the size that its totals say")
        with files.reading(path / _TERMS) as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._table: Ids = np.ndarray((n, _COLUMNS), "<i8", mapped, _padded(4 * self.n_terms))
        self.ids: Ids = np.array(self._table[:, _ID])

    def lines(self, ids: Ids) -> Ids:
        """The table's lines of those of these ids that are here, int64 (m, 7); what they say is not checked."""
        if not len(self.ids):
            return np.empty((0, _COLUMNS), dtype=np.int64)
        lines = self._table[np.minimum(places(self.ids, ids), len(self.ids) - 1)]
        here = lines[:, _ID] == ids
        return lines if here.all() else lines[here]

    def rows(self, ids: Ids) -> PassageRows:
        """Passages of these that are here and whole."""
        return _rows([(self, ids)], self.dim)


_Shares = Sequence[tuple[Segment, Ids]]


class PassageArrays:
    """All segments of a checkpoint, in ascending order of their ids, none of which is in two."""

    def __init__(self, segments: Iterable[Segment], dim: int) -> None:
        self.segments = tuple(segments)
        self._dim = dim
        self._firsts = np.array([segment.ids[0] for segment in self.segments], dtype=np.int64)
        self._n_passages = sum(len(segment.ids) for segment in self.segments)
        self._n_read = 0
        self._kept: PassageRows | None = None

    @property
    def last(self) -> int:
        """The highest id; 0 when there is none."""
        return int(self.segments[-1].ids[-1]) if self.segments else 0

    def rows(self, ids: Ids) -> PassageRows:
        """Passages of these that are here and whole, in no order."""
        kept = self._all_of_few(len(ids))
        return _rows(self._shares(ids), self._dim) if kept is None else kept.taken(kept.places(ids))

    def terms(self, ids: Ids) -> tuple[Ids, Ids, Terms]:
        """Passages of these that are here and whole, in no order: ids (m,), how many terms each has (m,), their terms."""
        if (kept := self._kept) is not None:
            at = kept.places(ids)
            return kept.ids[at], kept.n_terms[at], kept.terms[spread(starts(kept.n_terms)[at], kept.n_terms[at])]
        lines, _, terms = _lines_and_terms(self._shares(ids))
        return lines[:, _ID], lines[:, _N_TERMS], terms

    def _all_of_few(self, n_read: int) -> PassageRows | None:
        """All passages that are whole, where there are few and reading them all pays.  n_read: how many are read now."""
        self._n_read += n_read
        if self._kept is None and self._n_passages <= min(_FEW_PASSAGES, self._n_read):
            self._kept = _rows([(segment, segment.ids) for segment in self.segments], self._dim)
        return self._kept

    def _shares(self, ids: Ids) -> _Shares:
        """The segments that may have some of these, with those."""
        if len(self.segments) == 1:
            return [(self.segments[0], ids)]
        ids = np.sort(ids)
        bounds = [*np.searchsorted(ids, self._firsts).tolist(), len(ids)]
        shares = ((segment, ids[bounds[i] : bounds[i + 1]]) for i, segment in enumerate(self.segments))
        return [(segment, own) for segment, own in shares if len(own)]


# These look at the passages of all segments together: a million have ten, and what numpy takes for each call would be most of it.


def _lines(shares: _Shares) -> tuple[Ids, Ids]:
    """The tables' lines of those ids that are there, with possible places only, int64 (m, 7), and the share of each, int64 (m,)."""
    parts = [segment.lines(ids) for segment, ids in shares]
    lines = np.concatenate([np.empty((0, _COLUMNS), dtype=np.int64), *parts]) if len(parts) != 1 else parts[0]
    owners = np.repeat(np.arange(len(parts)), [len(own) for own in parts])
    sizes = np.array([(segment.n_rows, segment.n_terms) for segment, _ in shares], dtype=np.int64).reshape(-1, 2)
    most_rows, most_terms = sizes[owners].T
    possible = (
        (lines[:, _FIRST_ROW] >= 0)
        & (lines[:, _N_ROWS] >= 1)
        & (lines[:, _N_ROWS] <= most_rows - lines[:, _FIRST_ROW])
        & (lines[:, _FIRST_TERM] >= 0)
        & (lines[:, _N_TERMS] >= 0)
        & (lines[:, _N_TERMS] <= most_terms - lines[:, _FIRST_TERM])
    )
    return (lines, owners) if possible.all() else (lines[possible], owners[possible])


def _lines_and_terms(shares: _Shares) -> tuple[Ids, Ids, Terms]:
    """As ``_lines``, with their terms; without those of which a line or the terms are damaged, whose sizes could be anything."""
    lines, owners = _lines(shares)
    term_files = [segment.term_file for segment, _ in shares]
    content = _read(term_files, owners, 4 * lines[:, _FIRST_TERM], 4 * lines[:, _N_TERMS])
    terms = content.view("<u4")  # (sum of n_terms,)
    whole = _sums(lines, 4 * lines[:, _N_TERMS], terms) == lines[:, _TERMS_SUM]  # (m,)
    if whole.all():
        return lines, owners, terms
    return lines[whole], owners[whole], terms[np.repeat(whole, lines[:, _N_TERMS])]


def _rows(shares: _Shares, dim: int) -> PassageRows:
    """Passages of the shares that are there and whole."""
    lines, owners, terms = _lines_and_terms(shares)
    ids, n_rows, n_terms = lines[:, _ID], lines[:, _N_ROWS], lines[:, _N_TERMS]  # (m,), each
    width = 8 * _row_words(dim)
    content = _read([segment.row_file for segment, _ in shares], owners, width * lines[:, _FIRST_ROW], width * n_rows)
    rows = content.view("<u8").reshape(-1, width // 8)  # (sum of n_rows, words)
    counts = rows[:, -1].view(np.int64)  # (sum of n_rows,)
    read = PassageRows(ids, n_rows, rows.view("<f2")[:, :dim], counts, n_terms, terms)
    if not len(lines):
        return read
    whole = _sums(lines, 8 * rows.shape[1] * n_rows, rows) == lines[:, _ROWS_SUM]  # (m,)
    whole &= np.add.reduceat(counts, starts(n_rows)) == n_terms
    return read if whole.all() else read.taken(np.flatnonzero(whole))


def _read(opened: Sequence[OpenFile], owners: Ids, begins: Ids, sizes: Ids) -> NDArray[np.uint8]:
    """Runs of bytes of the files, one after another. What cannot be read is 0.

    owners: whose each run is.  begins, sizes: in bytes.  int64 (m,), all three.
    """
    content = np.empty(int(sizes.sum()), dtype=np.uint8)
    if not len(content):
        return content
    # Runs that lie one after another are one.
    apart = (begins[1:] != begins[:-1] + sizes[:-1]) | (owners[1:] != owners[:-1])  # (m - 1,)
    firsts = np.flatnonzero(np.append(True, apart))  # (n_runs,)
    runs = zip(
        [opened[owner] for owner in owners[firsts].tolist()],
        begins[firsts].tolist(),
        np.add.reduceat(sizes, firsts).tolist(),
        strict=True,
    )
    read_runs(content.data, runs)
    return content


def write_segment(path: Path, blocks: Iterable[PassageRows], dim: int) -> None:
    """Write passages, in ascending order of ids, as a segment in a new directory, and sync it."""
    files.make_directory(path)
    tables: list[Ids] = []
    terms: list[bytes] = []
    totals = [0, 0, 0]

    def records() -> Iterator[bytes]:
        for block in blocks:
            n = len(block.ids)
            table = np.empty((n, _COLUMNS), dtype="<i8")
            table[:, _ID] = block.ids
            table[:, _FIRST_ROW] = totals[1] + starts(block.n_rows)
            table[:, _N_ROWS] = block.n_rows
            table[:, _FIRST_TERM] = totals[2] + starts(block.n_terms)
            table[:, _N_TERMS] = block.n_terms
            packed = block.terms.astype("<u4")
            rows = np.zeros((len(block.term_counts), _row_words(dim)), dtype="<u8")
            rows.view("<f2")[:, :dim] = block.vectors
            rows[:, -1] = block.term_counts
            table[:, _TERMS_SUM] = _sums(table, 4 * block.n_terms, packed)
            table[:, _ROWS_SUM] = _sums(table, 8 * rows.shape[1] * block.n_rows, rows)
            tables.append(table)
            terms.append(packed.tobytes())
            totals[0] += n
            totals[1] += len(block.term_counts)
            totals[2] += len(block.terms)
            yield rows.tobytes()

    files.write_blocks(path / _ROWS, records())
    padding = bytes(_padded(4 * totals[2]) - 4 * totals[2])
    tail = [padding, *(table.tobytes() for table in tables), np.array(totals, dtype="<i8").tobytes()]
    files.write_blocks(path / _TERMS, iter([*terms, *tail]))
    files.sync_directory(path)


def _row_words(dim: int) -> int:
    """Words of 8 bytes of a row: its vector, padded, and how many terms its segment has."""
    return _padded(2 * dim) // 8 + 1


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // 8) * 8


def _sums(lines: Ids, sizes: Ids, data: NDArray[Any]) -> Ids:
    """CRC-32 of each passage's numbers in the table and then of its block of the data, which lie one after another: int64 (n,).

    lines: int64 (n, 7).  sizes: of the blocks in bytes, int64 (n,), whose sum is the data's.
    """
    numbers = np.ascontiguousarray(lines[:, :_N_NUMBERS]).view(np.uint8)  # (n, 40)
    content = data.reshape(-1).view(np.uint8).data
    bounds = [0, *np.cumsum(sizes).tolist()]
    checked = zip(numbers, pairwise(bounds), strict=True)
    return np.array([zlib.crc32(content[begin:end], zlib.crc32(own)) for own, (begin, end) in checked], dtype=np.int64)
