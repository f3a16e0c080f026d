"""The throughput of an epoch, and how much of its time the device waits for data."""

from __future__ import annotations

from collections.abc import Sequence


class Throughput:
    """Sums over the calls to the device in an epoch.

    The run's first call, which compiles, counts only if it is the only one of its epoch.
    """

    def __init__(self) -> None:
        self._first: tuple[float, int, float] | None = None
        self.reset()

    def reset(self) -> None:
        """Start the sums of a new epoch."""
        self._seconds, self._images, self._waited = 0.0, 0, 0.0

    def add(self, seconds: float, images: int, waited: float) -> None:
        """Add a call to the device.

        Args:
            seconds: how long the call took.
            images: number of images that it trained on.
            waited: seconds of the call that were spent on waiting for data.
        """
        if self._first is None:
            self._first = (seconds, images, waited)
            return
        self._seconds += seconds
        self._images += images
        self._waited += waited

    def figures(self) -> dict[str, float]:
        """Return `images_per_second`, and `input_wait`, the fraction of the time spent on waiting for data.

        Both are 0 in an epoch whose steps were all probed.
        """
        seconds, images, waited = self.sums()
        each = 1.0 / seconds if seconds else 0.0
        return {"images_per_second": images * each, "input_wait": waited * each}

    def sums(self) -> tuple[float, int, float]:
        """Return the sums of the epoch so far: seconds, images, and seconds of waiting for data."""
        sums = (self._seconds, self._images, self._waited)
        return sums if self._images or self._first is None else self._first

    def restore(self, sums: Sequence[float]) -> None:
        """Continue an epoch from the sums of the process that took its first steps."""
        seconds, images, waited = sums
        self._seconds, self._images, self._waited = seconds, int(images), waited
