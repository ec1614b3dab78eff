"""Folders for what passes through a process, which are removed with it or, where it was killed, by the next one that looks."""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


class PassingFolder:
    """A folder for what passes through, which goes with this process: when it is killed, as soon as another one looks."""

    def __init__(self, kind: str) -> None:
        """kind: a word in its name."""
        remove_left(kind)
        unheld = tempfile.mkdtemp(prefix="footnote-new-")
        self._held = os.open(unheld, os.O_RDONLY)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        # Named so once it is held: until then it is nobody's to remove.
        self.path = Path(unheld).rename(unheld.replace("footnote-new-", f"footnote-{kind}-"))

    def close(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._held)


def remove_left(kind: str) -> None:
    """Remove the folders of this kind and user that no process holds any more."""
    for path in Path(tempfile.gettempdir()).glob(f"footnote-{kind}-*"):
        with suppress(OSError):
            left = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(left).st_uid == os.geteuid():
                    fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(left)
