"""The convolutions of a plan as kernels see them, and the way in which each of their passes is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kresnet.plan.records import Plan, Record

#: The passes of a convolution, and the ways in which each can be computed; the first is TensorFlow's own.
PASSES = {
    "forward": ("stock", "products"),
    "by_input": ("stock", "products", "transposed"),
    "by_weights": ("stock", "products", "transposed"),
}


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """How the passes of a convolution are computed, in training.

    `stock` is TensorFlow's own kernel; `products` matrix products, one for each place of the window, on shifted maps;
    `transposed` a convolution of transposed arrays.

    Attributes:
        forward: how its outputs are computed.
        by_input: how the gradient with respect to its input is.
        by_weights: how the gradient with respect to its kernel is.
    """

    forward: str = "stock"
    by_input: str = "stock"
    by_weights: str = "stock"

    def as_dict(self) -> dict[str, str]:
        """Return the passes that are not stock."""
        return {name: way for name, way in asdict(self).items() if way != "stock"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> KernelChoice:
        """Read what `as_dict` returned.

        Raises:
            ValueError: for a pass or a way that there is not.
        """
        for name, way in values.items():
            if way not in PASSES.get(name, ()):
                raise ValueError(f"{name}: {way} is no way to compute a convolution")
        return cls(**values)


STOCK = KernelChoice()


@dataclass(frozen=True, slots=True)
class ConvolutionShape:
    """A convolution as its kernels see it: a 1x1 with a stride takes every so many pixels first, and has none left.

    Attributes:
        height: rows of the map that enters.
        width: columns of it.
        channels: channels that enter.
        filters: channels that leave.
        kernel: side of the window.
        stride: pixels between two windows.
        padding: `same` or `valid`.
        dilation: pixels between two of a window's values.
        groups: number of parts that the channels are in.
        macs: multiply-accumulates of an image.
    """

    height: int
    width: int
    channels: int
    filters: int
    kernel: int
    stride: int
    padding: str
    dilation: int
    groups: int
    macs: int

    def __str__(self) -> str:
        window = f"{self.kernel}x{self.kernel}" + (f"/{self.stride}" if self.stride > 1 else "")
        others = [f"dilation {self.dilation}"] * (self.dilation > 1) + [f"{self.groups} groups"] * (self.groups > 1)
        others += ["valid"] * (self.padding == "valid")
        return ", ".join([f"{window} {self.height}x{self.width}x{self.channels} to {self.filters}", *others])


def plan_convolutions(plan: Plan) -> dict[str, ConvolutionShape]:
    """Return the convolutions whose kernels can be chosen, by the names of their records.

    Left out are those that read the image, which have few channels and no gradient by input, and those that make an
    output.
    """
    outputs = set(plan.outputs.values())
    found = {}
    for record in plan.records:
        if record.kind != "conv" or record.name in outputs:
            continue
        convolution = _convolution(record, plan.by_name[record.inputs[0]].shape)
        if convolution.channels != plan.input_shape[-1]:
            found[record.name] = convolution
    return found


def _convolution(record: Record, shape: tuple[int, ...]) -> ConvolutionShape:
    settings, (height, width, channels) = record.settings, shape
    stride = settings["stride"]
    if settings["kernel"] == 1 and stride > 1:
        height, width, stride = -(-height // stride), -(-width // stride), 1
    return ConvolutionShape(height, width, channels, record.shape[-1], settings["kernel"], stride, settings["padding"],
                       settings["dilation"], settings["groups"], record.macs)  # fmt: skip


def kernels_as_dict(kernels: Mapping[str, KernelChoice]) -> dict[str, dict[str, str]]:
    """Return the choices by the names of records, JSON-ready; those that are stock are left out."""
    return {name: chosen for name, choice in kernels.items() if (chosen := choice.as_dict())}


def kernels_from_dict(values: Mapping[str, Mapping[str, Any]]) -> dict[str, KernelChoice]:
    """Read what `kernels_as_dict` returned.

    Raises:
        ValueError: for a pass or a way that there is not.
    """
    return {name: KernelChoice.from_dict(choice) for name, choice in values.items()}


def describe_kernels(kernels: Mapping[str, KernelChoice], plan: Plan) -> str:
    """Return in words how many convolutions are computed otherwise than by stock kernels, and in which passes.

    Args:
        kernels: the choices, by the names of records.
        plan: the network.
    """
    convolutions = sum(record.kind == "conv" for record in plan.records)
    changed = [choice.as_dict() for choice in kernels.values() if choice != STOCK]
    if not changed:
        return f"stock for all {convolutions} convolutions"
    parts = []
    for each in fields(KernelChoice):
        ways = [choice[each.name] for choice in changed if each.name in choice]
        counts = [f"{ways.count(way)} by {_IN_WORDS[way]}" for way in PASSES[each.name] if way in ways]
        if counts:
            parts.append(f"{each.name.replace('_', ' ')} {' and '.join(counts)}")
    return f"{len(changed)} of {convolutions} convolutions otherwise than stock: {'; '.join(parts)}"


_IN_WORDS = {"products": "matrix products", "transposed": "convolutions of transposed arrays"}


__all__ = [
    "PASSES",
    "STOCK",
    "ConvolutionShape",
    "KernelChoice",
    "describe_kernels",
    "kernels_as_dict",
    "kernels_from_dict",
    "plan_convolutions",
]
