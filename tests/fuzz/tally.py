"""What a run of many documents came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.target import Outcome, Playground, require_harmless

#: How often a document is tried again that took too long; the least of its times counts.
_RETRIES = 2


@dataclass
class Tally:
    """Counts documents by what became of them, and keeps the slowest and the largest.

    `most_seconds` is what a document may take; None for any time.
    """

    most_seconds: float | None = None
    documents: int = 0
    bytes: int = 0
    accepted: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    slowest: bytes = b""
    peak_bytes: int = 0

    def add(self, playground: Playground, attempt: Callable[[Playground, bytes], Outcome], data: bytes) -> None:
        """Try one document.

        Raises:
            Finding, or whatever the document provokes.
        """
        outcome = attempt(playground, data)
        if self.most_seconds is not None and outcome.seconds > self.most_seconds:  # or was the machine held up?
            again = (attempt(playground, data) for _ in range(_RETRIES))
            outcome = min(outcome, *again, key=lambda each: each.seconds)
        self.documents += 1
        self.bytes += len(data)
        self.accepted += not outcome.codes
        self.codes.update(set(outcome.codes))
        if outcome.seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest = outcome.seconds, data[:300]
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes)
        require_harmless(outcome, self.most_seconds)

    def as_dict(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "accepted": self.accepted,
            "refused_with": dict(self.codes.most_common()),
            "slowest_seconds": round(self.slowest_seconds, 3),
            "slowest_begins": self.slowest[:60].decode("latin-1"),
            "peak_bytes": self.peak_bytes,
        }
