"""A check as long work asks it, which counts how often that is and ends the work."""


class Counted:
    """n: how often it was asked.  last: which time it raises InterruptedError, None for never."""

    def __init__(self, last: int | None = None) -> None:
        self.n = 0
        self._last = last

    def __call__(self) -> None:
        self.n += 1
        if self.n == self._last:
            raise InterruptedError
