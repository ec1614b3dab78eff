"""A program of a later version, which knows two formats more.

``python -m tests.reliability.newer STORE KILL_AT [step] [BUG]`` opens a store with it, with a planted bug if one is named.

KILL_AT is the number of the call to the file system before which the process kills itself, 0 for never; with "step" it does so
in a third step, before the steps are committed.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from tests.reliability import faults

Step = Callable[[apsw.Connection], None]


def add_publishers(connection: apsw.Connection) -> None:
    """A column more, filled in, and a change to every row of the texts, so that most pages of the file are written."""
    connection.execute(
        "ALTER TABLE documents ADD COLUMN publisher TEXT NOT NULL DEFAULT ''; UPDATE texts SET text = text || ''"
    )


def add_owners(connection: apsw.Connection) -> None:
    """A table more."""
    connection.execute("CREATE TABLE owners (document INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT")
    connection.execute("INSERT INTO owners SELECT number, title FROM documents")


def kill(connection: apsw.Connection) -> None:
    """The end, while all the others are not yet committed."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def program(*more: Step) -> Iterator[int]:
    """Within the block this process is the later program, with yet more steps at the end if given; its format."""
    from index.local.checks import verify
    from index.local.database import connection as database
    from index.local.database import migrations
    from index.local.opening import upgrade

    modules = (migrations, database, upgrade)
    steps, before = migrations.MIGRATIONS, migrations.FORMAT_VERSION
    vars(migrations)["MIGRATIONS"] = (*steps, add_publishers, add_owners, *more)
    for module in modules:
        vars(module)["FORMAT_VERSION"] = len(migrations.MIGRATIONS)
    verify.expected_schema.cache_clear()
    try:
        yield migrations.FORMAT_VERSION
    finally:
        vars(migrations)["MIGRATIONS"] = steps
        for module in modules:
            vars(module)["FORMAT_VERSION"] = before
        verify.expected_schema.cache_clear()


def main(store: Path, kill_at: int, in_step: bool, bug: str) -> None:
    control = faults.Control(action="kill")
    faults.install(control)
    from index.local.store import Store
    from tests.reliability import bugs

    bugs.plant(bug)
    with program(*([kill] if in_step else [])):
        control.count, control.at = 0, kill_at
        Store.open(store).close()


if __name__ == "__main__":
    path, number, *rest = sys.argv[1:]
    main(Path(path), int(number), "step" in rest, "".join(word for word in rest if word != "step"))
