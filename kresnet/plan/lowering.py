"""From a spec to its plan: the network read from top to bottom, input, stem, stages, head."""

from __future__ import annotations

from functools import partial

from kresnet.errors import KresnetError
from kresnet.plan.block_context import BlockContext
from kresnet.plan.dilation import DilatedStage, WindowStep, dilated_stages
from kresnet.plan.kinds import block_kind
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Plan, Record
from kresnet.spec.architecture import Classifier, Features, Regressor, Spec, Stage
from kresnet.spec.contradictions import find_contradictions
from kresnet.spec.stems import DeepStem, NoStem, PatchStem, StemPool


def lower(spec: Spec, builder: PlanBuilder | None = None) -> Plan:
    """Return the plan of `spec`.

    Args:
        spec: the network.
        builder: takes the records; a new and empty one by default.

    Raises:
        KresnetError: `contradiction` (all of them) or `map_too_small`; the problems name paths in the spec.
    """
    builder = builder or PlanBuilder(spec.convolution)
    outputs = append_network(builder, spec)
    return Plan(
        about=spec.model_dump(mode="json", include={"name", "source", "published", "recipe"}),
        records=tuple(builder.records),
        block_kinds=tuple(stage.block.kind for stage in spec.stages),
        outputs={name: record.name for name, record in outputs.items()},
        probabilities=_probabilities(spec),
    )


def append_network(builder: PlanBuilder, spec: Spec) -> dict[str, Record]:
    """Append the records of a network to a builder, part by part, and return its outputs.

    Raises:
        KresnetError: as `lower`.
    """
    if problems := find_contradictions(spec):
        raise KresnetError(problems)
    entry = (spec.input, spec.stem, spec.norm, spec.activation, spec.stages[0].block)
    x = builder.part(entry, None, lambda _: _entry(builder, spec))
    outputs: dict[str, Record] = {}
    for index, stage in enumerate(dilated_stages(spec)):
        x = builder.part(
            (stage, index == 0 and not isinstance(spec.stem, NoStem)),
            x,
            partial(_stage, builder, spec, stage=stage, index=index),
        )
        following = spec.stages[index + 1 : index + 2]
        tapped = isinstance(spec.head, Features) and index + 1 in spec.head.stages
        ends = not following or following[0].block.preactivation is None
        if tapped or ends:
            finished = builder.part(
                ("end", stage.settings.block),
                x,
                partial(_end_stage, builder, stage=stage.settings, index=index),
            )
            if tapped:
                outputs[f"stage{index + 1}"] = finished
            x = finished if ends else x
    return outputs or _head(builder, spec, x)


def _probabilities(spec: Spec) -> str | None:
    if not isinstance(spec.head, Classifier):
        return None
    return "sigmoid" if spec.head.multi_label else "softmax"


def _entry(builder: PlanBuilder, spec: Spec) -> Record:
    return _stem(builder, spec, _input(builder, spec))


def _input(builder: PlanBuilder, spec: Spec) -> Record:
    settings = spec.input.model_dump(mode="json", exclude={"shape", "pixels"})
    x = builder.input(spec.input.shape, settings)
    return builder.normalize(x, spec.input.pixels.document()) if spec.input.pixels else x


def _stem(builder: PlanBuilder, spec: Spec, x: Record) -> Record:
    """Convolutions, each with norm and activation, then the pool.

    The last convolution leaves to the first block what that block's order begins with.
    """
    stem = spec.stem
    if isinstance(stem, NoStem):
        return x
    if isinstance(stem, PatchStem):
        return _patch_stem(builder, spec, stem, x)
    layers = _deep_layers(stem) if isinstance(stem, DeepStem) else [("", stem.width, stem.kernel, stem.stride)]
    strided_pool = stem.pool if stem.pool and stem.pool.kind == "conv" else None
    if strided_pool:
        layers.append(("_pool", layers[-1][1], strided_pool.size, _own_stride(strided_pool)))
    with builder.scope("stem"):
        for number, (suffix, width, kernel, stride) in enumerate(layers, 1):
            left = spec.stages[0].block.preactivation if number == len(layers) else None
            normed = not (left and left.norm) and spec.norm.kind != "none"
            x = builder.conv(x, f"conv{suffix}", width, kernel, step=WindowStep(stride), norm_follows=normed)
            x = _shrink(builder, x, stem.pool) if suffix == "_pool" else x
            x = builder.norm(x, f"norm{suffix}", spec.norm) if normed else x
            x = builder.activation(x, f"activation{suffix}", spec.activation) if left is None else x
        if stem.pool and not strided_pool:
            x = builder.pool(x, "pool", stem.pool.kind, stem.pool.size, _own_stride(stem.pool), fill=stem.pool.fill)
            x = _shrink(builder, x, stem.pool)
    return x


def _patch_stem(builder: PlanBuilder, spec: Spec, stem: PatchStem, x: Record) -> Record:
    """One convolution and a norm, which the first block may begin with."""
    left = spec.stages[0].block.preactivation
    normed = not (left and left.norm) and spec.norm.kind != "none"
    with builder.scope("stem"):
        x = builder.patch_conv(x, "conv", stem.width, WindowStep(stem.size), norm_follows=normed)
        return builder.norm(x, "norm", spec.norm) if normed else x


def _own_stride(pool: StemPool) -> int:
    """The stride of the pool's windows, which is 1 where anti-aliasing shrinks the map."""
    return 1 if pool.anti_alias else pool.stride


def _shrink(builder: PlanBuilder, x: Record, pool: StemPool | None) -> Record:
    return builder.anti_alias(x, pool.anti_alias, WindowStep(pool.stride)) if pool and pool.anti_alias else x


def _deep_layers(stem: DeepStem) -> list[tuple[str, int, int, int]]:
    """Name suffix, width, kernel and stride of each convolution."""
    return [(str(n), width, 3, stem.stride if n == 1 else 1) for n, width in enumerate(stem.widths, 1)]


def _stage(builder: PlanBuilder, spec: Spec, x: Record, stage: DilatedStage, index: int) -> Record:
    total = sum(each.blocks for each in spec.stages)
    before = sum(each.blocks for each in spec.stages[:index])
    for number in range(1, stage.settings.blocks + 1):
        step, later = stage.block_steps(number)
        block = stage.settings.block
        context = BlockContext(
            builder,
            block,
            width=stage.settings.width,
            dilation=stage.settings.dilation,
            step=step,
            later=later,
            drop_rate=spec.stochastic_depth * (before + number) / total,
            after_stem=before + number == 1 and not isinstance(spec.stem, NoStem),
            number=number,
        )
        with builder.scope(f"stage{index + 1}.block{number}", index + 1, number):
            x = block_kind(block).append(context, x)
    return x


def _end_stage(builder: PlanBuilder, x: Record, stage: Stage, index: int) -> Record:
    """What the next block would have begun with, where none follows (He et al. 2016, section 4.1)."""
    left = stage.block.preactivation
    if left is None:
        return x
    with builder.scope(f"stage{index + 1}", index + 1):
        x = builder.norm(x, "norm", left.norm) if left.norm else x
        return builder.activation(x, "activation", left.activation)


def _neck(builder: PlanBuilder, spec: Spec, x: Record) -> Record:
    if spec.neck is None:
        return x
    with builder.scope("neck"):
        if spec.neck.width:
            x = builder.conv(x, "conv", spec.neck.width, norm_follows=spec.norm.kind != "none")
            x = builder.norm(x, "norm", spec.norm)
        return builder.activation(x, "activation", spec.activation)


def _head(builder: PlanBuilder, spec: Spec, x: Record) -> dict[str, Record]:
    head = spec.head
    x = _neck(builder, spec, x)
    if not isinstance(head, Classifier | Regressor):
        return {"output": x}
    with builder.scope("head"):
        if head.pool != "none":
            x = builder.global_pool(x, "pool", head.pool)
        elif len(x.shape) > 1:
            x = builder.flatten(x, "flatten")
        x = builder.norm(x, "norm", head.norm) if head.norm else x
        if head.hidden:
            x = builder.activation(builder.dense(x, "hidden", head.hidden), "activation", spec.activation)
        x = builder.dropout(x, "dropout", head.dropout)
        if isinstance(head, Regressor):
            return {"output": builder.dense(x, "values", head.outputs)}
        return {"logits": builder.dense(x, "logits", head.classes)}
