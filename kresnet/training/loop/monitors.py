"""The monitors of a run, which measure it at intervals: the gradients of batch norms, and the flow of gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kresnet.plan import Plan
from kresnet.probes.batch_norm_agreement import (
    KERNEL_ERROR_FIELDS,
    NormCheck,
    norm_checks,
    require_agreement,
    require_batch_norms,
    tolerance,
)
from kresnet.probes.gradient_flow import GradientFlow, gradient_flow
from kresnet.probes.probe import Probe
from kresnet.spec.recipe import Recipe
from kresnet.training.step.engine import Findings

#: Values of a block's gradient that the history records.
RECORDED_BLOCK_FIELDS = ("delta", "identity", "residual", "weights")


class Monitors:
    """The probes of a run, and what is recorded of their measurements.

    A probe is due in step 0 and at a fixed interval after it: what a step computes then depends on its number alone,
    and a resumed run goes on bit for bit.

    Attributes:
        plan: the plan of the network.
        network: the network that is trained.
        norms_every: interval of the checks of batch norms, in steps; None for no checks.
        flow_every: interval of the measurements of gradients, in steps; None for none.
        verdict: the last verdict on the flow of gradients; `holds` at first.
    """

    def __init__(self, plan: Plan, recipe: Recipe, network: keras.Model, log: Callable[[str], None]) -> None:
        self.plan, self.network, self.log = plan, network, log
        self.norms_every, self.flow_every = recipe.bn_check_every_steps, recipe.gradients_every_steps
        self.probes: dict[tuple[bool, bool], Probe] = {}
        self.verdict = "holds"

    def due(self, step: int) -> Probe | None:
        """Return the probe for the step after `step` updates; None if none is due."""
        norms, flow = (every is not None and step % every == 0 for every in (self.norms_every, self.flow_every))
        if not (norms or flow):
            return None
        if (norms, flow) not in self.probes:
            self.probes[norms, flow] = Probe(self.plan, self.network, check_norms=norms, measure_blocks=flow)
        return self.probes[norms, flow]

    def next_due(self, step: int) -> float:
        """Return the number of updates after which the next probe is due; infinity if none is due again."""
        intervals = [every for every in (self.norms_every, self.flow_every) if every]
        return min(((step // every + 1) * every for every in intervals), default=float("inf"))

    def record(self, step: int, probe: Probe, findings: Sequence[Findings]) -> dict[str, Any]:
        """Return the line of history for a measured step.

        It also logs when the verdict on the flow of gradients changes.

        Args:
            step: number of updates made, that of the step included.
            probe: the probe.
            findings: its measurements in each replica.
        """
        line: dict[str, Any] = {"step": step}
        if probe.blocks:
            line["gradients"] = self._gradients(step, probe, findings)
        if probe.norms:
            line["batch_norm"] = {check.name: _norm_history(check) for check in _norm_checks(probe, findings)}
        return line

    def _gradients(self, step: int, probe: Probe, findings: Sequence[Findings]) -> dict[str, Any]:
        flow = gradient_flow(self.plan.name, probe.blocks, findings[0]["flow"])
        self._log_verdict(step, flow)
        blocks = {
            block["name"]: {key: block[key] for key in RECORDED_BLOCK_FIELDS} for block in flow.as_dict()["blocks"]
        }
        return {"verdict": flow.verdict, "first_block": flow.first_block, "blocks": blocks}

    def require_norms(self, probe: Probe, findings: Sequence[Findings]) -> None:
        """Make sure that the backward pass of every checked batch norm is right.

        Raises:
            KresnetError: `batch_norm_mismatch`, naming every norm whose backward pass is wrong.
        """
        if probe.norms:
            require_agreement(_norm_checks(probe, findings))

    def _log_verdict(self, step: int, flow: GradientFlow) -> None:
        """Log the verdict on the flow of gradients if it is not the last one."""
        if flow.verdict != self.verdict:
            self.log(f"step {step}: {'' if flow.verdict == 'holds' else 'warning: '}{flow.sentence()}")
        self.verdict = flow.verdict


def _norm_history(check: NormCheck) -> dict[str, Any]:
    """Return what the history records of a norm: errors of the kernel's gradients, their tolerance, and failures."""
    errors = {field: check.errors[field] for field in KERNEL_ERROR_FIELDS}
    return errors | {"tolerance": tolerance("x", check.count), "failures": check.failures}


def _norm_checks(probe: Probe, findings: Sequence[Findings]) -> list[NormCheck]:
    """Return the outcome of the check of every batch norm."""
    return norm_checks([norm.name for norm in probe.norms], [each["batch_norm"] for each in findings])


def require_monitored_layers(plan: Plan, recipe: Recipe, replicas: int) -> None:
    """Make sure, before a run begins, that the network has the layers that its recipe wants checked.

    Raises:
        KresnetError: `contradiction`.
    """
    if recipe.bn_check_every_steps:
        require_batch_norms(plan, recipe.images_per_step, replicas)
