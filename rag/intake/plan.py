"""What an ingest would do with each file, told by its content and what is stored: nothing is parsed, embedded or written."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rag.intake.folders import Found, find_files, without_pictures
from rag.intake.reading import FileReader
from rag.shared.types import Failure, ParseOptions


class Planned(NamedTuple):
    """A file and what would be done with it: "add", "update", "skip", "look into" (an archive), "fetch", "delete" or "fail".

    reason: why it would fail, else "".
    """

    path: str
    action: str
    reason: str = ""


def plan(
    reader: FileReader, files: Iterable[Found], missing: Iterable[Failure], urls: Sequence[str], gone: Iterable[str]
) -> list[Planned]:
    """What would be done, in the order in which it would be.  gone: keys of documents that would be removed."""
    planned = [Planned(failure.path, "fail", failure.reason) for failure in missing]
    for file in files:
        action, reason = reader.foresee(file)
        planned.append(Planned(str(file.path), action, reason))
    planned += [Planned(url, "fetch") for url in urls]
    return planned + [Planned(key, "delete") for key in gone]


def plan_anew(paths: Sequence[Path], urls: Sequence[str], options: ParseOptions) -> list[Planned]:
    """The same where there is no store yet."""
    everything, missing = find_files(paths)
    files, _ = without_pictures(everything, options)
    planned = [Planned(failure.path, "fail", failure.reason) for failure in missing]
    planned += [Planned(str(file.path), "add") for file in files]
    return planned + [Planned(url, "fetch") for url in urls]
