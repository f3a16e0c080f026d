"""Which layers of a folded plan give what is rounded to integers when the network is served by them."""

from __future__ import annotations

from collections import Counter

from kresnet.plan.kinds import record_kind
from kresnet.plan.records import Plan, Record

#: Records that compute nothing new in inference, or only choose and place values that are rounded already.
_PASSING = ("input", "pad", "strided_pad", "identity_pad", "flatten", "reshape", "dropout", "stochastic_depth")
#: Activations that a runtime's kernel applies before it rounds.
_FUSED = ("relu", "relu6")


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
        and record.settings["function"] in _FUSED
        and readers[record.inputs[0]] == 1
        and _takes_in_activations(plan.by_name[record.inputs[0]])
    }
    return tuple(
        record.name
        for record in plan.records
        if record.kind not in _PASSING
        and record.name not in fused
        and not (record.kind in ("pool", "global_pool") and record.settings["how"] == "max")
    )


def _takes_in_activations(record: Record) -> bool:
    """Whether a runtime's kernel of this kind can apply an activation too."""
    return record.kind == "add" or record_kind(record).fold_axis is not None


__all__ = ["rounded_records"]
