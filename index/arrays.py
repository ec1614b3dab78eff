"""What scoring reads of passages: a copy of SQLite's rows in files in the layout of numpy.

Reading 200 passages takes SQLite some 500 pages, each with its checksum; here it is a read for each passage. The copy is never
trusted: each row carries a checksum over its content, its passage and its place, and a passage of which anything does not fit
counts as not there, so that the caller reads it from SQLite. So nothing need be hashed when a store is opened.

A segment is two files. ``rows``: for each passage one row for its vector, then one for each sentence, each with the number of terms
of its segment (context, then sentences). ``terms``: all terms, then a table with a line a passage, then three totals.
"""

import mmap
import os
import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index import files
from index.ids import places
from index.types import Ids, Terms

SEGMENT_PASSAGES = 100_000
_ROWS, _TERMS = "rows", "terms"
_ID, _FIRST_ROW, _N_ROWS, _FIRST_TERM, _N_TERMS, _SUM = range(6)
_COLUMNS = 6

_Sums = NDArray[np.uint64]
# Odd, so that no single bit of what they multiply can change without changing the sum.
_WEIGHTS: _Sums = np.random.default_rng(0xF007).integers(1 << 63, size=4096, dtype=np.uint64) * np.uint64(
    2
) + np.uint64(1)


@dataclass(frozen=True, slots=True)
class PassageRows:
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

    @classmethod
    def joined(cls, parts: Sequence["PassageRows"]) -> "PassageRows":
        """The parts, of which there is at least one, one after another."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.ids for part in parts]),
            np.concatenate([part.n_rows for part in parts]),
            np.concatenate([part.vectors for part in parts]),
            np.concatenate([part.term_counts for part in parts]),
            np.concatenate([part.n_terms for part in parts]),
            np.concatenate([part.terms for part in parts]),
        )

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
        with files.reading(path / _TERMS) as file:
            tail = np.fromfile(file, dtype="<i8", offset=max(os.fstat(file.fileno()).st_size - 24, 0))
        if len(tail) != 3 or min(tail) < 0:
            raise ValueError(f"{path / _TERMS} has no totals")
        n, n_rows, n_terms = (int(total) for total in tail)
        self._file = _Descriptor(path / _ROWS)
        if self._file.size() != 8 * n_rows * words:
            raise ValueError(f"{path / _ROWS} does not have the size that its totals say")
        if (path / _TERMS).stat().st_size != _padded(4 * n_terms) + 8 * _COLUMNS * n + 24:
            raise ValueError(f"{path / _TERMS} does not have the size that its totals say")
        self._n_rows = n_rows
        self._terms: Terms = _mapped(path / _TERMS, np.dtype("<u4"), 0, n_terms)
        table = _mapped(path / _TERMS, np.dtype("<i8"), _padded(4 * n_terms), _COLUMNS * n)
        self._table: Ids = table.reshape(n, _COLUMNS)
        self.ids: Ids = np.array(self._table[:, _ID])

    def lines(self, ids: Ids) -> tuple[NDArray[np.bool_], Ids]:
        """Which of these ids are here, bool (n,), and the table's lines of those, int64 (m, 6), with possible places only."""
        if not len(self.ids):
            return np.zeros(len(ids), dtype=np.bool_), np.empty((0, _COLUMNS), dtype=np.int64)
        place = np.minimum(places(self.ids, ids), len(self.ids) - 1)
        lines = self._table[place]
        here = (
            (lines[:, _ID] == ids)
            & (lines[:, _FIRST_ROW] >= 0)
            & (lines[:, _N_ROWS] >= 1)
            & (lines[:, _N_ROWS] <= self._n_rows - lines[:, _FIRST_ROW])
            & (lines[:, _FIRST_TERM] >= 0)
            & (lines[:, _N_TERMS] >= 0)
            & (lines[:, _N_TERMS] <= len(self._terms) - lines[:, _FIRST_TERM])
        )
        return here, lines[here]

    def terms(self, ids: Ids) -> tuple[Ids, Ids, Terms]:
        """Passages of these that are here and whole: ids (m,), how many terms each has (m,), their terms."""
        _, lines = self.lines(ids)
        n_terms = lines[:, _N_TERMS]
        terms = self._terms[spread(lines[:, _FIRST_TERM], n_terms)]
        whole = _term_sums(lines[:, _ID], lines[:, _N_ROWS], n_terms, terms) == lines[:, _SUM].view(np.uint64)
        if whole.all():
            return lines[:, _ID], n_terms, terms
        return lines[whole, _ID], n_terms[whole], terms[np.repeat(whole, n_terms)]

    def rows(self, ids: Ids) -> PassageRows:
        """Passages of these that are here and whole."""
        _, lines = self.lines(ids)
        n_rows, n_terms = lines[:, _N_ROWS], lines[:, _N_TERMS]
        rows = self._read(lines[:, _FIRST_ROW], n_rows)
        terms = self._terms[spread(lines[:, _FIRST_TERM], n_terms)]
        begins = starts(n_rows)
        whole = _term_sums(lines[:, _ID], n_rows, n_terms, terms) == lines[:, _SUM].view(np.uint64)
        sums = _row_sums(rows, lines[:, _ID], n_rows) == rows[:, -1]
        counts = rows[:, -2].view(np.int64)
        if len(lines):
            whole &= np.logical_and.reduceat(sums, begins) & (np.add.reduceat(counts, begins) == n_terms)
        found = PassageRows(lines[:, _ID], n_rows, rows.view("<f2")[:, : self.dim], counts, n_terms, terms)
        return found if whole.all() else found.taken(np.flatnonzero(whole))

    def blocks(self, keep: NDArray[np.bool_], size: int) -> Iterator[PassageRows]:
        """The passages to keep, ``size`` at a time; keep: bool (n,), of ``ids``. Raises ValueError for one that is not whole."""
        for chosen in np.array_split(self.ids[keep], max(1, -(-int(keep.sum()) // size))):
            found = self.rows(chosen)
            if len(found.ids) != len(chosen):
                raise ValueError(f"{self.path} is damaged")
            yield found

    def _read(self, first: Ids, n_rows: Ids) -> _Sums:
        """Rows of runs [first, first + n_rows), run after run: uint64 (sum of n_rows, words). What cannot be read is 0."""
        words = _row_words(self.dim)
        rows = np.empty((int(n_rows.sum()), words), dtype="<u8")
        if not len(rows):
            return rows
        # Runs that lie one after another are one.
        begins = np.flatnonzero(np.append(True, first[1:] != first[:-1] + n_rows[:-1]))
        sizes = np.add.reduceat(n_rows, begins) * 8 * words
        self._file.read(rows.data.cast("B"), (first[begins] * 8 * words).tolist(), sizes.tolist())
        return rows


class PassageArrays:
    """All segments of a checkpoint, in ascending order of their ids, none of which is in two."""

    def __init__(self, segments: Iterable[Segment], dim: int) -> None:
        self.segments = tuple(segments)
        self._dim = dim
        self._firsts = np.array([segment.ids[0] for segment in self.segments], dtype=np.int64)

    @property
    def last(self) -> int:
        """The highest id; 0 when there is none."""
        return int(self.segments[-1].ids[-1]) if self.segments else 0

    def rows(self, ids: Ids) -> PassageRows:
        """Passages of these that are here and whole, in no order."""
        parts = [segment.rows(own) for segment, own in self._shares(ids)]
        return PassageRows.joined(parts) if parts else PassageRows.of([], self._dim)

    def terms(self, ids: Ids) -> tuple[Ids, Ids, Terms]:
        """Passages of these that are here and whole, in no order: ids (m,), how many terms each has (m,), their terms."""
        parts = [segment.terms(own) for segment, own in self._shares(ids)]
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint32)
        if len(parts) == 1:
            return parts[0]
        found, lengths, terms = zip(*parts, strict=True)
        return np.concatenate(found), np.concatenate(lengths), np.concatenate(terms)

    def _shares(self, ids: Ids) -> Iterator[tuple[Segment, Ids]]:
        owner = np.searchsorted(self._firsts, ids, side="right") - 1
        for number in sorted(set(owner.tolist())):
            if number >= 0:
                yield self.segments[number], ids[owner == number]


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
            table[:, _SUM] = _term_sums(block.ids, block.n_rows, block.n_terms, block.terms).view(np.int64)
            tables.append(table)
            terms.append(block.terms.astype("<u4").tobytes())
            totals[0] += n
            totals[1] += len(block.term_counts)
            totals[2] += len(block.terms)
            rows = np.zeros((len(block.term_counts), _row_words(dim)), dtype="<u8")
            rows.view("<f2")[:, :dim] = block.vectors
            rows[:, -2] = block.term_counts
            rows[:, -1] = _row_sums(rows, block.ids, block.n_rows)
            yield rows.tobytes()

    files.write_blocks(path / _ROWS, records())
    padding = bytes(_padded(4 * totals[2]) - 4 * totals[2])
    tail = [padding, *(table.tobytes() for table in tables), np.array(totals, dtype="<i8").tobytes()]
    files.write_blocks(path / _TERMS, iter([*terms, *tail]))
    files.sync_directory(path)


def _row_words(dim: int) -> int:
    """Words of 8 bytes of a row: its vector, padded, how many terms its segment has, its checksum."""
    return _padded(2 * dim) // 8 + 2


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // 8) * 8


class _Descriptor:
    """A file that stays open as long as something reads from it, also when it was removed.

    Not mapped: a passage is 4 kB somewhere in a large file, for which a process gets at least 64 kB of it into its memory, page by
    page, and has to let go of them again. (110 passages of 100,000: 0.4 to 0.6 ms, mapped 0.4 to 1.2, and at last all of the file.)
    """

    def __init__(self, path: Path) -> None:
        with files.reading(path) as file:
            self._fd = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._fd)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def read(self, into: memoryview, offsets: Sequence[int], sizes: Sequence[int]) -> None:
        """Fill a buffer with stretches of the file one after another, with zeros where it ends or the disk gives an error."""
        waiting: list[tuple[int, int, int]] = []
        begin = 0
        for offset, size in zip(offsets, sizes, strict=True):
            end = begin + size
            n = self._cached(into[begin:end], offset)
            if n < size:
                waiting.append((begin + n, end, offset + n))
            begin = end
        # All are asked for before the first is waited for: a disk finds 110 at once in the time of 20 one by one.
        for begin, end, offset in waiting:
            self._ask_for(offset, end - begin)
        for begin, end, offset in waiting:
            while begin < end:
                try:
                    n = os.preadv(self._fd, [into[begin:end]], offset)
                except OSError:
                    n = 0
                if not n:
                    into[begin:end] = bytes(end - begin)
                    break
                begin, offset = begin + n, offset + n

    if sys.platform == "linux":

        def _cached(self, into: memoryview, offset: int) -> int:
            """How many bytes could be read without waiting for the disk."""
            try:
                return os.preadv(self._fd, [into], offset, os.RWF_NOWAIT)
            except OSError:  # BlockingIOError; or the file system cannot tell
                return 0

        def _ask_for(self, offset: int, size: int) -> None:
            with suppress(OSError):
                os.posix_fadvise(self._fd, offset, size, os.POSIX_FADV_WILLNEED)

    else:

        def _cached(self, into: memoryview, offset: int) -> int:
            return 0

        def _ask_for(self, offset: int, size: int) -> None:
            pass


def _mapped(path: Path, dtype: np.dtype[Any], offset: int, n: int) -> NDArray[Any]:
    """n values of a mapped file from an offset on."""
    if not n:
        return np.empty(0, dtype=dtype)
    with files.reading(path) as file:
        view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    return np.ndarray(n, dtype=dtype, buffer=view, offset=offset)


def _row_sums(rows: _Sums, ids: Ids, n_rows: Ids) -> _Sums:
    """Checksum per row: of its words but the last, its passage, its place and how many there are: uint64 (n,)."""
    words = rows[:, :-1]
    sums: _Sums = np.einsum("ij,j->i", words, _weights(words.shape[1]))
    place = np.arange(len(rows)) - np.repeat(starts(n_rows), n_rows)
    sums += np.repeat(ids, n_rows).view(np.uint64) * _WEIGHTS[-1]
    sums += place.view(np.uint64) * _WEIGHTS[-2] + np.repeat(n_rows, n_rows).view(np.uint64) * _WEIGHTS[-3]
    return sums


def _term_sums(ids: Ids, n_rows: Ids, n_terms: Ids, terms: Terms) -> _Sums:
    """Checksum per passage of its terms in their order, of its id and its totals: uint64 (n,)."""
    sums: _Sums = ids.astype(np.uint64) * _WEIGHTS[-4] + n_rows.astype(np.uint64) * _WEIGHTS[-5]
    sums += n_terms.astype(np.uint64) * _WEIGHTS[-6]
    filled = n_terms > 0
    if filled.any():
        place = np.arange(len(terms)) - np.repeat(starts(n_terms), n_terms)
        products = terms.astype(np.uint64) * _WEIGHTS[place & (len(_WEIGHTS) - 1)]
        sums[filled] += np.add.reduceat(products, starts(n_terms)[filled])
    return sums


def _weights(n: int) -> _Sums:
    weights: _Sums = np.resize(_WEIGHTS, n)
    return weights
