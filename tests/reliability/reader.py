"""A user who may not write: ``python -m tests.reliability.reader STORE UID``, started by root, says what UID finds in a store.

The store is read once as root, so that all modules are loaded that the other user may have no right to load.  Then each line of the
input asks for one more look, which prints a line of JSON: the documents' keys, what was rebuilt, and what a question finds.
"""

import json
import os
import sys
from pathlib import Path

from index.local.store import Store
from index.types import Scope
from tests.reliability import world


def look(path: Path) -> dict[str, object]:
    with Store.open(path) as store:
        with store.read() as reader:
            documents = reader.documents(limit=1000)
            _, ids = reader.matching(["passag"], 1000, Scope())
            _, nearest = reader.nearest(world.embed("q"), 1000, Scope())
            texts = [passage.text for passage in reader.passages(ids)]
        keys = [document.key for document in documents]
        return {"keys": keys, "rebuilt": store.rebuilt, "found": [len(ids), len(nearest), len(texts)]}


def main(path: Path, uid: int) -> None:
    look(path)
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(look(path)), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
