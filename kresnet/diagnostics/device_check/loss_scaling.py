"""Loss scaling in float16: an overflow halves the scale and leaves all else as it was, and training goes on."""

from __future__ import annotations

from collections.abc import Callable

from kresnet.diagnostics.device_check.part import DeviceContext, PartResult
from kresnet.diagnostics.device_check.small_training import SmallTraining, begin_training, differing_variables

_RECIPE = {"precision": "float16"}

#: A scale at which gradients of any size leave float16, whose largest number is 65,504.
_OVERFLOWING = 2.0**60


def check_loss_scaling(
    context: DeviceContext, begin: Callable[[int], SmallTraining] = lambda steps: begin_training(steps, recipe=_RECIPE)
) -> PartResult:
    """Take an ordinary step, one that overflows, and another ordinary one."""
    training = begin(3)
    trainer = training.engine.trainer
    assert trainer.loss_scale is not None
    scale = trainer.loss_scale.variables[0]
    losses, begun = [training.step()], training.engine.state()
    usual = float(scale.numpy())
    scale.assign(_OVERFLOWING)
    losses.append(training.step())
    overflowed, halved = training.engine.state(), float(scale.numpy())
    scale.assign(usual)
    losses.append(training.step())
    after = training.engine.state()
    # The scale and what counts its good steps, and the means of metrics, may change.
    others = len(trainer.network.variables) + len(trainer.updates.variables if trainer.updates else ())
    names = sorted(begun)[:others]
    changed = differing_variables({name: begun[name] for name in names}, overflowed)
    figures: dict[str, float | str] = {"scale": usual, "after an overflow": halved / _OVERFLOWING}
    problems = []
    if halved != _OVERFLOWING / 2:
        problems.append(f"an overflow makes the scale {halved / _OVERFLOWING:g} of what it was, not a half")
    if changed:
        problems.append(f"an overflow changes {len(changed)} of {others} variables")
    if not differing_variables({name: overflowed[name] for name in names}, after):
        problems.append("training does not go on after an overflow")
    if any(loss != loss for loss in losses):
        problems.append("a loss is not a number")
    if problems:
        remedy = "state it in the recipe: precision: bfloat16"
        return PartResult("loss-scaling", "failed", figures, "; ".join(problems), remedy)
    return PartResult("loss-scaling", "passed", figures, "an overflow halves the scale and changes nothing else")
