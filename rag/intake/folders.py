"""Which files of a folder are documents: found in name order, without what is hidden or ignored.

Rules are those of ``.gitignore``, read from ``.gitignore`` and ``.footnoteignore`` in every folder; where the folder lies in a
git working tree, also from the folders above it up to the tree's top. A file that is named itself is always taken.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from index.local.system.names import DATABASE, MARKER
from rag.shared.printable import as_utf8
from rag.shared.types import Failure, ParseOptions

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILES = (".gitignore", ".footnoteignore")
# What editors and file managers put beside documents: locks, backups, pictures and settings of a folder.
_NO_DOCUMENT = re.compile(r"~\$.*|.*~|#.*#|thumbs\.db|desktop\.ini", re.I | re.S)
_MAX_RULES_BYTES = 1 << 20
_PICTURES = frozenset(
    ".png .jpg .jpeg .jpe .gif .bmp .tif .tiff .webp .ico .icns .cur .svg .svgz .heic .heif .avif .psd".split()
)


class Found(NamedTuple):
    """A file to read. named: whether it was named itself, and not met in a folder."""

    path: Path
    named: bool


class IgnoreRules:
    """The rules that hold below some folders, read once when first needed."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._specs: dict[str, GitIgnoreSpec | None] = {}
        self._tops: dict[str, str] = {}
        for root in roots:
            self._tops[os.path.abspath(root)] = _top(os.path.abspath(root))

    def ignores(self, root: Path, path: str, *, is_folder: bool) -> bool:
        """Whether a path below a root is left out, by its own name; what is above it is not asked. path: absolute."""
        name = os.path.basename(path)
        if name.startswith(".") or not is_folder and _NO_DOCUMENT.fullmatch(name):
            return True
        folder = os.path.dirname(path)
        top = self._tops[os.path.abspath(root)]
        while True:  # the nearest folder that says anything of the path decides
            spec = self._spec(folder)
            if spec is not None:
                name = os.path.relpath(path, folder).replace(os.sep, "/") + ("/" if is_folder else "")
                verdict = spec.check_file(name).include
                if verdict is not None:
                    return bool(verdict)
            if folder == top or folder == os.path.dirname(folder):
                return False
            folder = os.path.dirname(folder)

    def ignores_anywhere(self, root: Path, path: str) -> bool:
        """Whether a path below a root is left out, by its own name or that of a folder between them. path: absolute."""
        top = os.path.abspath(root)
        inner = os.path.relpath(path, top)
        if inner == os.curdir:
            return False
        parts = inner.split(os.sep)
        for number, part in enumerate(parts, 1):
            top = os.path.join(top, part)
            if self.ignores(root, top, is_folder=number < len(parts)):
                return True
        return False

    def _spec(self, folder: str) -> "GitIgnoreSpec | None":
        if folder not in self._specs:
            self._specs[folder] = _read_rules(folder)
        return self._specs[folder]


def is_picture(path: Path) -> bool:
    """Whether a file is a picture or an icon by its name: what stands in folders of documents beside them, without text."""
    return path.suffix.lower() in _PICTURES


def find_files(paths: Sequence[Path], store: str | None = None) -> tuple[list[Found], list[Failure]]:
    """The files to read, each once, and the paths that are not there. Folders behind links are not entered, nor stores.

    store: the place of the one at hand, should it be a folder.
    """
    files: dict[str, Found] = {}
    failures: list[Failure] = []
    rules = IgnoreRules([path for path in paths if os.path.isdir(path)])
    for path in paths:
        if os.path.isdir(path):
            for file in _walk(path, rules, os.path.abspath(store) if store else None, failures):
                files.setdefault(os.path.abspath(file), Found(file, named=False))
        elif os.path.exists(path):
            files[os.path.abspath(path)] = Found(path, named=True)
        else:
            failures.append(Failure(as_utf8(str(path)), _why_missing(path)))
    return list(files.values()), failures


def without_pictures(files: Sequence[Found], options: ParseOptions) -> tuple[list[Found], list[Found]]:
    """The files that are to be read, and pictures that folders hold beside them, which are passed over unless recognised."""
    if options.ocr:
        return list(files), []
    pictures = [file for file in files if not file.named and is_picture(file.path)]
    return [file for file in files if file.named or not is_picture(file.path)], pictures


def _why_missing(path: Path) -> str:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "no such file or folder"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "it was not there a moment ago: add it again"


def _walk(root: Path, rules: IgnoreRules, store: str | None, failures: list[Failure]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        failures.append(Failure(as_utf8(str(error.filename)), f"cannot be read: {error.strerror or error}"))

    for folder, folders, names in os.walk(root, onerror=refused):
        full = os.path.abspath(folder)
        inner = {name: os.path.join(full, name) for name in sorted(folders)}
        folders[:] = [
            name
            for name, path in inner.items()
            if path != store and not _is_store(path) and not rules.ignores(root, path, is_folder=True)
        ]
        for name in sorted(names):
            place = os.path.join(full, name)
            if _may_be_file(place) and not rules.ignores(root, place, is_folder=False):
                yield Path(folder) / name


def _is_store(path: str) -> bool:
    """Whether this is the folder of a store or snapshot, whose files are no documents."""
    return all(os.path.isfile(os.path.join(path, name)) for name in (MARKER, DATABASE))


def _may_be_file(path: str) -> bool:
    """Whether this is no pipe, socket or device, nor a link that leads nowhere; one that cannot be looked at may be."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return not os.path.islink(path)
    except OSError as error:
        return error.errno != errno.ELOOP


def _top(root: str) -> str:
    """The folder up to which rules above ``root`` hold: the top of its git working tree, or else itself."""
    folder = root
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return root
        folder = above
    return folder


def _read_rules(folder: str) -> "GitIgnoreSpec | None":
    from pathspec import GitIgnoreSpec

    lines: list[str] = []
    for name in IGNORE_FILES:
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                lines += file.read(_MAX_RULES_BYTES).splitlines()
        except OSError:
            continue
    return GitIgnoreSpec.from_lines(filter(_is_rule, lines)) if lines else None


def _is_rule(line: str) -> bool:
    """As git does, a line that is no pattern is passed over."""
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
