"""Where ``rag`` begins: what has to be so before anything of it is imported."""

import gc

_YOUNG = 100_000  # new objects until the young ones are looked through: more than an answer makes


def main() -> None:
    """Run ``rag`` and end the process with its exit code."""
    # What is imported stays: looking through it for garbage every 700 objects is a tenth of what a command takes to start.
    gc.set_threshold(_YOUNG, 20, 100)
    from rag.cli.main import main as run

    run()
