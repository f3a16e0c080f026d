"""The smallest networks train, or are refused, and none ends the process (`make native-grid` trains hundreds)."""

from __future__ import annotations

import pytest

from tests.graph import native_grid


@pytest.mark.slow  # `make native-grid` is the same, of more networks
def test_no_corner_ends_a_process():
    result = native_grid.train_in_children(native_grid.CORNERS)
    assert (result.exits, result.errors) == ([], [])
    assert result.outcomes == {"trained": len(native_grid.CORNERS) - 1, "refused contradiction": 1}


def test_the_network_during_which_a_process_ends_is_found(monkeypatch):
    outcomes = {0: "trained", 1: None, 2: "trained"}

    def child(share):
        lines = []
        for index, each in enumerate(share):
            if outcomes[each["width"]] is None:
                return lines, "exit -6: munmap_chunk(): invalid pointer"
            lines.append({"index": index, "outcome": outcomes[each["width"]]})
        return lines, ""

    monkeypatch.setattr(native_grid, "_child", child)
    networks = [native_grid.network(width=width) for width in range(3)]
    result = native_grid.train_in_children(networks)
    assert result.outcomes == {"trained": 2}
    assert result.exits == [(networks[1], "exit -6: munmap_chunk(): invalid pointer")]
