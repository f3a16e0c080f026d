"""Outcomes of checks as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from kresnet.cli.table_layout import fitting_table
from kresnet.probes.activation_profile import ActivationProfile
from kresnet.probes.batch_norm_agreement import FORWARD_ERROR_FIELDS, KERNEL_ERROR_FIELDS, NormCheck, tolerance
from kresnet.probes.gradient_flow import GradientFlow

if TYPE_CHECKING:
    from kresnet.diagnostics.check_conditions import CheckConditions


def conditions_text(label: str, conditions: CheckConditions) -> str:
    """Return a heading that names the network and says under which conditions it was checked."""
    devices = f"{conditions.replicas} device{'s' * (conditions.replicas > 1)}"
    return f"{label}: {conditions.batch} inputs, {conditions.precision}, {devices}\n{'; '.join(conditions.provenance)}"


def norms_table(checks: Sequence[NormCheck]) -> Table:
    """Return a table of the relative errors of every batch norm, with their tolerance and the verdict."""
    figures = ("m", "∂L/∂x", "∂L/∂γ", "∂L/∂β", "y", "mean", "variance", "tolerance", "differences", "")
    table = fitting_table("batch norm", *figures, right=figures)
    for each in checks:
        errors = (f"{each.errors[field]:.1e}" for field in (*KERNEL_ERROR_FIELDS, *FORWARD_ERROR_FIELDS))
        verdict = f"fails: {', '.join(each.failures)}" if each.failures else "agrees"
        allowed, differences = f"{tolerance('x', each.count):.1e}", f"{each.errors['differences']:.1e}"
        table.add_row(each.name, f"{each.count:,}", *errors, allowed, differences, verdict)
    return table


def gradient_flow_table(flow: GradientFlow) -> Table:
    """Return a table of what was measured at every block, from input to output."""
    figures = ("‖δ‖", "ratio", "identity", "residual", "cosine", "‖∂L/∂W‖", "σ largest", "σ typical")
    table = fitting_table("block", *figures, right=figures)
    for block in flow.blocks:
        signal = (_figure(block.delta, ".2e"), _figure(block.ratio, ".3f"))
        paths = (
            _figure(block.identity, ".2e"),
            _figure(block.residual, ".2e"),
            _figure(block.cosine, "+.2f"),
        )
        rest = (
            _figure(block.weights, ".2e"),
            _figure(block.largest, ".3g"),
            _figure(block.typical, ".3f"),
        )
        table.add_row(block.name, *signal, *paths, *rest)
    return table


def activations_table(profile: ActivationProfile) -> Table:
    """Return a table of what was measured of every block's output, from input to output."""
    figures = ("mean", "deviation", "largest", "zeros")
    table = fitting_table("block", *figures, right=figures)
    for block in profile.blocks:
        table.add_row(
            block.name, f"{block.mean:+.3g}", f"{block.deviation:.3g}", f"{block.largest:.3g}", f"{block.zeros:.1%}"
        )
    return table


def _figure(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
