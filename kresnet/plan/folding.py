"""Which batch norms of a plan can be folded into the weights before them, and the plan without them.

In inference a batch norm is `scale * x + shift` a channel, with `scale = gamma / sqrt(variance + epsilon)` and
`shift = beta - mean * scale` (Ioffe and Szegedy 2015, Algorithm 2). Where `x` is what a convolution or dense layer
gives, and nothing else reads it, that layer's own kernel and bias can hold both (Jacob et al. 2018,
arXiv:1712.05877, section 3.2).

A kernel that is standardised (Qiao et al. 2019) is a constant in inference: the folded network holds its standardised
values, and a plain convolution.

A norm after an addition, as in the pre-activation orders, has no weights before it. It cannot go into the ones after
it either: in every order of a spec an activation stands between such a norm and the next weights. A norm of the head
(`head.norm`), of one vector, and one before a patch convolution, which ConvNeXts have as layer norm, stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kresnet.plan.kinds import record_kind
from kresnet.plan.records import Parameter, Plan, Record


@dataclass(frozen=True, slots=True)
class FoldedPlan:
    """A plan whose batch norms are folded where that is exact.

    Attributes:
        plan: the plan without the folded norms; the layers before them have a bias.
        norm_by_layer: the norm that is folded into a layer, by the name of that layer.
        standardized: the epsilon with which the kernel of a layer is standardised, by the name of that layer.
        remaining_norms: names of the batch norms that stay.
    """

    plan: Plan
    norm_by_layer: Mapping[str, Record]
    standardized: Mapping[str, float]
    remaining_norms: tuple[str, ...]


def fold_plan(plan: Plan) -> FoldedPlan:
    """Fold every batch norm that alone reads what a convolution, a dense layer or an extension's like of them gives."""
    readers = Counter(name for record in plan.records for name in record.inputs)
    readers.update(plan.outputs.values())
    batch_norms = [record for record in plan.records if record.kind == "norm" and record.settings["kind"] == "batch"]
    norms: dict[str, Record] = {}
    for norm in batch_norms:
        [before] = norm.inputs
        if record_kind(plan.by_name[before]).fold_axis is not None and readers[before] == 1:
            norms[before] = norm
    folded = {norm.name: before for before, norm in norms.items()}
    kernels = {r.name: r.settings["standardized"] for r in plan.records if "standardized" in r.settings}
    records = [_biased(record) if record.name in norms else record for record in plan.records]
    records = [_without_standardization(record) if record.name in kernels else record for record in records]
    records = [
        replace(record, inputs=tuple(folded.get(name, name) for name in record.inputs))
        for record in records
        if record.name not in folded
    ]
    outputs = {name: folded.get(record, record) for name, record in plan.outputs.items()}
    left = tuple(norm.name for norm in batch_norms if norm.name not in folded)
    return FoldedPlan(replace(plan, records=tuple(records), outputs=outputs), norms, kernels, left)


def _biased(record: Record) -> Record:
    """A weighted layer with a bias."""
    if record.settings["bias"]:
        return record
    bias = Parameter("bias", record.shape[-1:])
    settings = dict(record.settings) | {"bias": True}
    return replace(record, settings=settings, parameters=(*record.parameters, bias))


def _without_standardization(record: Record) -> Record:
    """A convolution by its kernel as it is."""
    return replace(record, settings={key: value for key, value in record.settings.items() if key != "standardized"})


__all__ = ["FoldedPlan", "fold_plan"]
