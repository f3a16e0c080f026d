"""Attention at the end of a residual branch: what scales each channel by what the whole map says of it."""

from __future__ import annotations

from math import log2

from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Record
from kresnet.spec.attention import Attention, EfficientChannel, SqueezeExcite


def append_attention(builder: PlanBuilder, x: Record, attention: Attention | None) -> Record:
    """Append the records of an attention after `x`, and return the last one; `x` itself for none.

    Args:
        builder: builder of the plan, which takes the records.
        x: a map `(H, W, C)`.
        attention: the settings.
    """
    match attention:
        case SqueezeExcite():
            return _squeeze_excite(builder, x, attention)
        case EfficientChannel():
            return _efficient_channel(builder, x, attention)
    return x


def hidden_units(excite: SqueezeExcite, channels: int) -> int:
    """Return the units between the two layers of squeeze-excite, as timm's `make_divisible` rounds them."""
    if not excite.divisor:
        return channels // excite.reduction
    return max(excite.divisor, int(channels / excite.reduction + excite.divisor / 2) // excite.divisor * excite.divisor)


def channel_kernel(efficient: EfficientChannel, channels: int) -> int:
    """Return how many channels weigh one: the odd number of Wang et al. 2020, equation 12, with gamma 2 and b 1."""
    kernel = int((log2(channels) + 1) / 2)
    return efficient.kernel or max(kernel if kernel % 2 else kernel + 1, 3)


def _squeeze_excite(builder: PlanBuilder, x: Record, excite: SqueezeExcite) -> Record:
    """Hu et al. 2018, Fig. 3: pool, reduce, expand, scale."""
    channels = x.shape[-1]
    with builder.attention("squeeze_excite"):
        gate = builder.global_pool(x, "pool", "average", keep_map=True)
        gate = builder.dense(gate, "reduce", hidden_units(excite, channels))
        gate = builder.activation(gate, "activation", excite.activation)
        gate = builder.dense(gate, "expand", channels)
        gate = builder.activation(gate, "gate", excite.gate)
        return builder.multiply(x, gate, "scale")


def _efficient_channel(builder: PlanBuilder, x: Record, efficient: EfficientChannel) -> Record:
    """Wang et al. 2020, Fig. 2: pool, weigh each channel by its neighbours, scale."""
    channels = x.shape[-1]
    with builder.attention("efficient_channel"):
        gate = builder.global_pool(x, "pool", "average")
        gate = builder.reshape(gate, "steps", (channels, 1))
        gate = builder.channel_conv(gate, "conv", channel_kernel(efficient, channels))
        gate = builder.activation(gate, "gate", efficient.gate)
        gate = builder.reshape(gate, "map", (1, 1, channels))
        return builder.multiply(x, gate, "scale")


__all__ = ["append_attention", "channel_kernel", "hidden_units"]
