"""The command line ``rag``. Commands of the folders above come in through the entry points ``footnote.commands``."""
