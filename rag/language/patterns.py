"""Patterns that are compiled when they are first used: of what is asked for a question needs few, and all take 50 ms of a start."""

import re
from typing import Any, cast

# What items of a list begin with beside "-" and "*", for a set of characters: as word processors and pages draw them.
BULLETS = "•‣⁃◦▪▫●○■□◆◇❖►▸➢➤✓✔·∙–"


class _LazyPattern:
    """As the pattern, whose methods are found in it one by one."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._arguments = pattern, flags

    def __getattr__(self, name: str) -> Any:
        method = getattr(re.compile(*self._arguments), name)
        setattr(self, name, method)
        return method


def lazy_pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern, as ``re.compile`` gives it."""
    return cast(re.Pattern[str], _LazyPattern(pattern, flags))
