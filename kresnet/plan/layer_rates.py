"""Learning rates that fall from the head to the stem, block by block."""

from __future__ import annotations

from kresnet.plan.records import Plan


def layer_rates(plan: Plan, decay: float) -> dict[str, float]:
    """Return what the learning rate of each layer with weights is multiplied by, by the layer's name.

    The head has the whole rate, and each block `decay` times that of the block behind it; the stem has the least. What
    follows a stage or the last of them belongs to the block before it. So timm groups weights
    (`param_groups_layer_decay`).

    Args:
        plan: the network.
        decay: the factor from a block to the one before it.
    """
    numbers: dict[str, int] = {}
    place: tuple[int | None, int | None] | str | None = None
    number = -1
    for record in plan.records:
        if not any(weight.trainable for weight in record.parameters):
            continue
        own = (record.stage, record.block) if record.block else record.name.partition(".")[0]
        if own != place and (record.block or own in ("stem", "head")):
            place, number = own, number + 1
        numbers[record.name] = number
    return {name: decay ** (number - each) for name, each in numbers.items()}


__all__ = ["layer_rates"]
