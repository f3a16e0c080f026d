"""Attention at the end of a residual branch: what scales each channel by what the whole map says of it."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from kresnet.errors import KresnetError, Problem
from kresnet.plan.kinds import attention_kind, register_attention
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Record
from kresnet.spec.attention import Attention, EfficientChannel, SqueezeExcite
from kresnet.spec.rounding import round_to_multiple


def append_attention(builder: PlanBuilder, x: Record, attention: Attention | None) -> Record:
    """Append the records of an attention after `x`, and return the last one; `x` itself for none.

    Args:
        builder: builder of the plan, which takes the records.
        x: a map `(H, W, C)`.
        attention: the settings.
    """
    if attention is None:
        return x
    with builder.attention(attention.kind):
        return attention_kind(attention).append(builder, x, attention)


def hidden_units(excite: SqueezeExcite, channels: int) -> int:
    """Return the units between the two layers of squeeze-excite, as timm's `make_divisible` rounds them.

    Args:
        excite: the settings.
        channels: number of channels that `reduction` divides.
    """
    if not excite.divisor:
        return channels // excite.reduction
    if excite.divisor == 1:
        return max(1, round(channels / excite.reduction))
    return round_to_multiple(channels / excite.reduction, excite.divisor, excite.least_share)


def channel_kernel(efficient: EfficientChannel, channels: int) -> int:
    """Return how many channels weigh one: the odd number of Wang et al. 2020, equation 12, with gamma 2 and b 1."""
    kernel = int((log2(channels) + 1) / 2)
    return efficient.kernel or max(kernel if kernel % 2 else kernel + 1, 3)


def _squeeze_excite(builder: PlanBuilder, x: Record, excite: SqueezeExcite) -> Record:
    """Hu et al. 2018, Fig. 3: pool, reduce, expand, scale."""
    channels = x.shape[-1]
    divided = channels if excite.relative_to == "channels" else builder.block_input.shape[-1]
    if divided % excite.channel_multiple:  # of what enters the block, which no stage knows alone
        raise KresnetError(Problem("contradiction", f"reduction {excite.reduction} does not divide the {divided} "
                                   "channels that enter the block.", path=f"{builder.block_path}.attention.reduction",
                                   expected=f"a divisor of {divided}", found=str(excite.reduction),
                                   remedy="divisor: 1, which rounds the hidden units"))  # fmt: skip
    gate = builder.global_pool(x, "pool", "average", keep_map=True)
    gate = builder.dense(gate, "reduce", hidden_units(excite, divided))
    gate = builder.activation(gate, "activation", excite.activation)
    gate = builder.dense(gate, "expand", channels)
    gate = builder.activation(gate, "gate", excite.gate)
    return builder.multiply(x, gate, "scale")


def _efficient_channel(builder: PlanBuilder, x: Record, efficient: EfficientChannel) -> Record:
    """Wang et al. 2020, Fig. 2: pool, weigh each channel by its neighbours, scale."""
    channels = x.shape[-1]
    gate = builder.global_pool(x, "pool", "average")
    gate = builder.reshape(gate, "steps", (channels, 1))
    gate = builder.channel_conv(gate, "conv", channel_kernel(efficient, channels))
    gate = builder.activation(gate, "gate", efficient.gate)
    gate = builder.reshape(gate, "map", (1, 1, channels))
    return builder.multiply(x, gate, "scale")


def _describe_squeeze_excite(records: Sequence[Record]) -> str:
    return f"squeeze-excite {next(each.shape[-1] for each in records if each.name.endswith('.reduce'))}"


def _describe_efficient_channel(records: Sequence[Record]) -> str:
    kernel = next(each.settings["kernel"] for each in records if each.kind == "channel_conv")
    return f"efficient channel attention {kernel}"


register_attention(SqueezeExcite, _squeeze_excite, describe=_describe_squeeze_excite)
register_attention(EfficientChannel, _efficient_channel, describe=_describe_efficient_channel)

__all__ = ["append_attention", "channel_kernel", "hidden_units"]
