"""What a run measures of itself at intervals: batch norms against their derivation, and where the gradient goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.plan import Plan
from kresnet.probes.batch_norm_agreement import (
    KERNEL_FIELDS,
    NormCheck,
    norm_checks,
    require_agreement,
    require_batch_norms,
    tolerance,
)
from kresnet.probes.gradient_flow import GradientFlow, gradient_flow
from kresnet.probes.probe import Probe
from kresnet.spec.recipe import Recipe

#: What history keeps of a block.
RECORDED = ("delta", "identity", "residual", "weights")

Findings = Sequence[dict[str, np.ndarray]]


class Monitors:
    """The probes of a run, and what becomes of their findings.

    A probe is due in step 0 and every so many steps after it, so that what a step computes depends on its number alone
    and a resumed run goes on bit for bit.
    """

    def __init__(self, plan: Plan, recipe: Recipe, network: keras.Model, log: Callable[[str], None]) -> None:
        self.plan, self.network, self.log = plan, network, log
        self.norms_every, self.flow_every = recipe.bn_check_every_steps, recipe.gradients_every_steps
        self.probes: dict[tuple[bool, bool], Probe] = {}
        self.verdict = "holds"

    def due(self, step: int) -> Probe | None:
        """The probe for the step after `step` updates; None if nothing is due."""
        norms, flow = (every is not None and step % every == 0 for every in (self.norms_every, self.flow_every))
        if not (norms or flow):
            return None
        if (norms, flow) not in self.probes:
            self.probes[norms, flow] = Probe(self.plan, self.network, check_norms=norms, measure_blocks=flow)
        return self.probes[norms, flow]

    def next_due(self, step: int) -> float:
        """After how many updates the next probe is due; infinity if never again."""
        intervals = [every for every in (self.norms_every, self.flow_every) if every]
        return min(((step // every + 1) * every for every in intervals), default=float("inf"))

    def record(self, step: int, probe: Probe, findings: Findings) -> dict[str, Any]:
        """A line of history; scalars for the summary writer in scope; a warning when the flow's verdict changes."""
        line: dict[str, Any] = {"step": step}
        if probe.blocks:
            line["gradients"] = self._gradients(step, probe, findings)
        if probe.norms:
            line["batch_norm"] = {check.name: _kept(check) for check in _norm_checks(probe, findings)}
        return line

    def _gradients(self, step: int, probe: Probe, findings: Findings) -> dict[str, Any]:
        found = gradient_flow(self.plan.name, probe.blocks, findings[0]["flow"])
        for block in found.blocks:
            tf.summary.scalar(f"gradients/delta/{block.name}", block.delta, step=step)
            tf.summary.scalar(f"gradients/weights/{block.name}", block.weights, step=step)
        self._warn(step, found)
        blocks = {block["name"]: {key: block[key] for key in RECORDED} for block in found.as_dict()["blocks"]}
        return {"verdict": found.verdict, "first_block": found.first_block, "blocks": blocks}

    def require_norms(self, probe: Probe, findings: Findings) -> None:
        """Raise `KresnetError` (`batch_norm_mismatch`), naming every batch norm whose backward pass is wrong."""
        if probe.norms:
            require_agreement(_norm_checks(probe, findings))

    def _warn(self, step: int, found: GradientFlow) -> None:
        if found.verdict != self.verdict:
            self.log(f"step {step}: {'' if found.verdict == 'holds' else 'warning: '}{found.sentence()}")
        self.verdict = found.verdict


def _kept(check: NormCheck) -> dict[str, Any]:
    """What history keeps of a norm: the errors of the kernel's gradients, what they may be, and what fails."""
    errors = {field: check.errors[field] for field in KERNEL_FIELDS}
    return errors | {"tolerance": tolerance("x", check.count), "failures": check.failures}


def _norm_checks(probe: Probe, findings: Findings) -> list[NormCheck]:
    """The outcome of every batch norm."""
    return norm_checks([norm.name for norm in probe.norms], [found["batch_norm"] for found in findings])


def require_monitored(plan: Plan, recipe: Recipe, replicas: int) -> None:
    """Make sure, before a run begins, that what its recipe wants checked is there.

    Raises:
        KresnetError: `contradiction`.
    """
    if recipe.bn_check_every_steps:
        require_batch_norms(plan, recipe.batch_size, replicas)
