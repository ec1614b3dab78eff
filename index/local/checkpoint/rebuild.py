"""Building views again that were missing or damaged when a store was opened, while questions are answered without them.

The building goes on in a process of its own, which writes a checkpoint as any other writer does: it comes into force as a whole, or
not at all. Writers wait for it for the second half of its time. When it is there, the process that asked for it goes over to it;
when it fails, it is tried again.
"""

import logging
import threading
from pathlib import Path

from index.errors import StoreError, StoreMissing, StoreReplaced
from index.local.checkpoint.follower import Follower
from index.process import Stoppable

# What fails for want of room may do so for long: so many seconds between two attempts, twice as many after each, and at most.
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0
_WORKER = "index.local.upkeep.view_worker"
_log = logging.getLogger(__name__)


class ViewRebuild:
    """Goes on in a thread until the views are there or it is stopped."""

    def __init__(self, store: Path, follower: Follower, large: int) -> None:
        self._store = store
        self._follower = follower
        self._large = large
        self._building = Stoppable()
        self._thread = threading.Thread(target=self._work, name="view-rebuild", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what is half made is removed by the next who opens the store to write."""
        self._building.stop()
        self._thread.join()

    def _work(self) -> None:
        pause_s = _FIRST_PAUSE_S
        stopped = self._building.stopped
        while not stopped.is_set():
            problem = self._building.run(_WORKER, str(self._store), str(self._large))
            if stopped.is_set():
                return
            try:
                if self._follower.take_over():
                    _log.warning("%s: the search files are there again", self._store)
                    return
            except (StoreReplaced, StoreMissing):
                return
            except StoreError as error:
                problem = problem or str(error)
            _log.warning(
                "%s: the search files could not be built again, questions are answered from the database, slower: %s"
                " (tried again in %g s)",
                self._store,
                problem or "what was written is damaged",
                pause_s,
            )
            stopped.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
