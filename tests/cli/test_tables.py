"""Tables of plans, differences, runs and class activation maps on terminals of any width."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

import kresnet
from kresnet import terminal
from kresnet.cli.tables import (
    block_differences_table,
    cams_table,
    print_plan,
    runs_table,
    setting_differences_table,
    specs_table,
)
from kresnet.diagnostics.explain_results import GradCam, ImageExplanation
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec


def lines_of(table: object, width: int = 200) -> list[str]:
    """The lines that a table takes on a terminal of a width."""
    stream = io.StringIO()
    Console(width=width, file=stream, force_terminal=False).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("width", [72, 80, 116, 200])
def test_the_table_fits_its_terminal_without_breaking_words(width: int) -> None:
    out = Console(width=width, file=io.StringIO(), force_terminal=False)
    print_plan(plan_loaded(load_spec("resnetrs50")), out)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert "bottleneck 1x1 64," in text
    assert "21,286,400" in text


@pytest.fixture(scope="module")
def specs() -> list[dict[str, Any]]:
    return list(kresnet.specs())


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_a_table_shows_every_figure_at_any_width(
    width: int, specs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    terminal.console(stream).print(specs_table(specs))
    for spec in specs:
        assert f"{spec['parameters']['total']:,}" in stream.getvalue()
    assert all(cell_len(line.rstrip()) <= width for line in stream.getvalue().splitlines())


def test_a_difference_is_shown_by_setting_and_by_block() -> None:
    difference = kresnet.diff("resnet18", "resnet34")
    assert [line.split() for line in lines_of(setting_differences_table(difference))][2:] == [
        ["stages.0.blocks", "2", "3"], ["stages.1.blocks", "2", "4"],
        ["stages.2.blocks", "2", "6"], ["stages.3.blocks", "2", "3"],
    ]  # fmt: skip
    rows = lines_of(block_differences_table(difference))[2:]
    assert rows[0].split() == [
        "stage",
        "1",
        "block",
        "3",
        "added",
        "(N,",
        "56,",
        "56,",
        "64)",
        "+74,240",
        "+231.2",
        "M",
    ]
    assert len(rows) == 4


def test_runs_are_shown_with_their_progress_and_best_epoch() -> None:
    common = {"name": "a", "reason": None, "metric": "accuracy"}
    statuses = [
        common | {"state": "running", "step": 50, "steps": 200, "best": 0.25, "best_epoch": 1, "split": "validation"},
        common | {"state": "broken", "reason": "no spec", "step": 0, "steps": None, "best": None, "best_epoch": None},
    ]
    first, second = lines_of(runs_table(statuses))[2:]
    assert first.split() == ["a", "running", "50", "of", "200", "25%", "validation", "accuracy", "0.2500", "1"]
    assert second.split() == ["a", "broken", "(no", "spec)"]


def test_a_map_is_shown_with_its_peak_and_one_without_a_peak_without() -> None:
    peaked, flat = np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)
    peaked[1, 2] = 5.0
    cams = tuple(GradCam(0, "coat", 0.75, 1, "stage1.block1.activation", values) for values in (peaked, flat))
    image = ImageExplanation("a.png", np.zeros((6, 8, 1), np.uint8), 0, "coat", 0.75, cams, ())
    explanation: Any = type("Explanation", (), {"images": (image,)})
    first, second = lines_of(cams_table(explanation))[2:]
    assert first.split() == ["a.png", "coat", "0.7500", "stage1.block1.activation", "3×4", "5", "1,", "2"]
    assert second.split() == ["a.png", "coat", "0.7500", "stage1.block1.activation", "3×4", "0"]
