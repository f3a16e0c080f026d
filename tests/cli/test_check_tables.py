"""Outcomes of checks as a terminal shows them."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from kresnet.cli.check_tables import conditions_text, gradient_flow_table, norms_table
from kresnet.probes.batch_norm_agreement import ERROR_FIELDS, NormCheck


def words_of(table: object) -> list[list[str]]:
    """The words of each row of a table, without its header."""
    stream = io.StringIO()
    Console(width=200, file=stream, force_terminal=False).print(table)
    return [line.split() for line in stream.getvalue().splitlines()[2:]]


def test_a_norm_that_fails_is_shown_with_the_gradient_that_is_wrong() -> None:
    good = NormCheck("stem.norm", 1024, dict.fromkeys(ERROR_FIELDS, 1e-10))
    bad = NormCheck("stage1.block1.norm1", 1024, good.errors | {"gamma": 0.5})
    first, second = words_of(norms_table([good, bad]))
    assert first == ["stem.norm", "1,024", *["1.0e-10"] * 6, "2.0e-05", "1.0e-10", "agrees"]
    assert second[3:] == ["5.0e-01", *["1.0e-10"] * 4, "2.0e-05", "1.0e-10", "fails:", "gamma"]


def test_a_value_that_a_block_has_not_is_left_empty() -> None:
    block = SimpleNamespace(name="stage1.block1", delta=0.5, ratio=None, identity=None, residual=None, cosine=None,
                            weights=2.0, largest=None, typical=None)  # fmt: skip
    flow: Any = SimpleNamespace(blocks=[block])
    assert words_of(gradient_flow_table(flow)) == [["stage1.block1", "5.00e-01", "2.00e+00"]]


def test_the_conditions_of_a_check_are_told_in_two_lines() -> None:
    conditions: Any = SimpleNamespace(replicas=2, batch=16, precision="float32", provenance=("spec", "embedded images"))
    assert conditions_text("tiny", conditions) == "tiny: 16 inputs, float32, 2 devices\nspec; embedded images"
