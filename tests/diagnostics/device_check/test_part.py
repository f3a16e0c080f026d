"""A part names its function, which is imported only where it runs."""

from __future__ import annotations

from kresnet.diagnostics.device_check.part import CheckPart
from kresnet.diagnostics.device_check.workers import check_workers


def test_a_part_loads_its_function_and_knows_its_limits():
    part = CheckPart("workers", "workers:check_workers", "processes", quick_seconds=3.0, full_seconds=4.0)
    assert part.load() is check_workers
    assert (part.limit(True), part.limit(False)) == (3.0, 4.0)
