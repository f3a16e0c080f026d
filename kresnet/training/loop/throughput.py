"""How fast an epoch goes, and how much of the time the device waits for data."""

from __future__ import annotations

from collections.abc import Sequence


class Throughput:
    """Sums over the calls of an epoch; the run's first call, which compiles, counts only where there is no other."""

    def __init__(self) -> None:
        self._first: tuple[float, int, float] | None = None
        self.reset()

    def reset(self) -> None:
        """An epoch begins."""
        self._seconds, self._images, self._waited = 0.0, 0, 0.0

    def add(self, seconds: float, images: int, waited: float) -> None:
        """A call took `seconds` for `images`, and spent `waited` seconds of them on waiting for data."""
        if self._first is None:
            self._first = (seconds, images, waited)
            return
        self._seconds += seconds
        self._images += images
        self._waited += waited

    def figures(self) -> dict[str, float]:
        """`images_per_second`, and `input_wait`, a share between 0 and 1; zeros where every step was looked into."""
        seconds, images, waited = self.sums()
        each = 1.0 / seconds if seconds else 0.0
        return {"images_per_second": images * each, "input_wait": waited * each}

    def sums(self) -> tuple[float, int, float]:
        """Seconds, images and seconds of waiting, of the epoch so far."""
        sums = (self._seconds, self._images, self._waited)
        return sums if self._images or self._first is None else self._first

    def restore(self, sums: Sequence[float]) -> None:
        """Go on in an epoch of which another process took the first steps."""
        seconds, images, waited = sums
        self._seconds, self._images, self._waited = seconds, int(images), waited
