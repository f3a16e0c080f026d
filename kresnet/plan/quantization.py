"""Which layers of a folded plan give what is rounded to integers when the network is served by them."""

from __future__ import annotations

from collections import Counter

from kresnet.plan.records import Plan

#: Records that compute nothing new in inference, or only choose and place values that are rounded already.
_PASSING = ("input", "pad", "strided_pad", "identity_pad", "flatten", "reshape", "dropout", "stochastic_depth")
#: Records that a runtime's kernel takes the ReLU behind them into.
_FUSING = ("conv", "dense", "add")


def rounded_records(plan: Plan) -> tuple[str, ...]:
    """Return the records whose outputs are rounded, in order.

    All that compute, but those whose one reader is a ReLU that the kernel applies before it rounds, and the largest of
    values that are rounded.

    Args:
        plan: the plan without the batch norms that are folded (`kresnet.plan.folding.fold_plan`).
    """
    readers = Counter(name for record in plan.records for name in record.inputs)
    readers.update(plan.outputs.values())
    fused = {
        record.inputs[0]
        for record in plan.records
        if record.kind == "activation"
        and record.settings["function"] == "relu"
        and readers[record.inputs[0]] == 1
        and plan.by_name[record.inputs[0]].kind in _FUSING
    }
    return tuple(
        record.name
        for record in plan.records
        if record.kind not in _PASSING
        and record.name not in fused
        and not (record.kind in ("pool", "global_pool") and record.settings["how"] == "max")
    )


__all__ = ["rounded_records"]
