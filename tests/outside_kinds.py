"""An attention and a norm from outside, by the public interface alone."""

from __future__ import annotations

from typing import Literal

from kresnet.extensions import Attention, Norm, Parameter, PlanBuilder, Record, register_attention, register_norm


class Half(Attention):
    """Every map times its own sigmoid."""

    kind: Literal["half"]


class GammaOnly(Norm):
    """A factor a channel, which is no norm."""

    kind: Literal["gamma_only"]


def append_half(builder: PlanBuilder, x: Record, settings: Half) -> Record:
    """Append the gate and the product."""
    return builder.multiply(x, builder.activation(x, "gate", "sigmoid"), "scale")


def gamma_only_layer(context, record):
    """Make the layer."""
    from kresnet.graph.layers import LayerScale

    return LayerScale(0.0 if record.settings["zero_gamma"] else 1.0, **context.common_arguments(record))


def register() -> None:
    """Register both, as a script would."""
    register_attention(Half, append_half, describe=lambda records: "by half")
    register_norm(GammaOnly, gamma_only_layer, parameters=lambda channels: (Parameter("gamma", (channels,)),))


def forget() -> None:
    """Let no other test know them."""
    Attention.kinds.forget("half")
    Norm.kinds.forget("gamma_only")
