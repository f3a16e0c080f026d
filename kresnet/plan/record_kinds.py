"""The kinds of records that ship: how each is called, and what it keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Sequence

from kresnet.plan.kinds import Kept, register_record
from kresnet.plan.records import Record

#: Activations whose derivative TensorFlow computes from their output; the others keep their input.
_FROM_OUTPUT = ("relu", "relu6", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh")


def stride_words(record: Record) -> str:
    """Return ` /2` for a stride of 2; nothing for 1."""
    return f" /{record.settings['stride']}" if record.settings.get("stride", 1) > 1 else ""


def _dilation(record: Record) -> str:
    return f" dilation {record.settings['dilation']}" if record.settings.get("dilation", 1) > 1 else ""


def _conv(record: Record) -> str:
    kernel, groups = record.settings["kernel"], record.settings["groups"]
    grouped = f" groups {groups}" if groups > 1 else ""
    return f"{kernel}x{kernel} {record.shape[-1]}{grouped}{_dilation(record)}{stride_words(record)}"


def _depthwise(record: Record) -> str:
    kernel = record.settings["kernel"]
    return f"depthwise {kernel}x{kernel}{_dilation(record)}{stride_words(record)}"


def _pool(record: Record) -> str:
    size = record.settings["size"]
    return f"{record.settings['how']} pool {size}x{size}{_dilation(record)}{stride_words(record)}"


def _identity_pad(record: Record) -> str:
    return f"{'identity' if subsamples(record) else 'pad'}{stride_words(record)}"


def _kept_by_activation(record: Record) -> Sequence[Kept]:
    return ("output",) if record.settings["function"] in _FROM_OUTPUT else ("inputs",)


def _kept_by_pool(record: Record) -> Sequence[Kept]:
    return ("inputs", "output") if record.settings["how"] == "max" else ()


def subsamples(record: Record) -> bool:
    """Return whether a shortcut takes every `stride`-th pixel and pads nothing."""
    return record.name.endswith(".shortcut.subsample")


for _kind in ("input", "normalize", "reshape", "pad", "strided_pad", "add"):
    register_record(_kind, None)
register_record("conv", None, describe=_conv, keeps=("inputs",), in_trunk=True, fold_axis=-1)
register_record("depthwise_conv", None, describe=_depthwise, keeps=("inputs",), in_trunk=True, fold_axis=2)
register_record(
    "dense",
    None,
    describe=lambda record: f"dense {record.shape[-1]}",
    keeps=("inputs",),
    in_trunk=True,
    fold_axis=-1,
)
register_record(
    "channel_conv",
    None,
    describe=lambda record: f"convolution of {record.settings['kernel']} channels",
    keeps=("inputs",),
)
register_record("norm", None, describe=lambda record: f"{record.settings['kind']} norm", keeps=("inputs",))
register_record("layer_scale", None, keeps=("inputs",))
register_record("response_norm", None, describe=lambda record: "global response norm", keeps=("inputs",))
register_record("activation", None, describe=lambda record: record.settings["function"], keeps=_kept_by_activation)
register_record("pool", None, describe=_pool, keeps=_kept_by_pool, in_trunk=True)
register_record(
    "global_pool",
    None,
    describe=lambda record: f"{record.settings['how']} pool",
    keeps=_kept_by_pool,
    in_trunk=True,
)
register_record("blur", None, describe=lambda record: f"blur{_dilation(record)}{stride_words(record)}", in_trunk=True)
register_record("flatten", None, in_trunk=True)
register_record("identity_pad", None, describe=_identity_pad)
register_record("multiply", None, keeps=("inputs",))
register_record(
    "dropout", None, describe=lambda record: f"dropout {record.settings['rate']:g}", keeps=("mask",), in_trunk=True
)
register_record("stochastic_depth", None, describe=lambda record: f"stochastic depth {record.settings['rate']:.3g}")

__all__ = ["stride_words", "subsamples"]
