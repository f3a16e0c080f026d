"""What the first layers of a Keras file make of pixels, as the one linear map that a spec's `input.pixels` is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.spec.inputs import Pixels
from kresnet.weights.files.keras_graph import Operand, Operation, OperationGraph
from kresnet.weights.files.tensor import WeightTensor

#: Keras divides by no smaller deviation than this.
_SMALLEST_DEVIATION = 1e-7
_ADDITIONS, _SUBTRACTIONS = ("Add",), ("Subtract",)
_PRODUCTS, _QUOTIENTS = ("Multiply",), ("TrueDivide", "Divide")


class NotLinearError(Exception):
    """An operation's output is no linear map of single pixel values; `operation` is what computes it."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation.key)
        self.operation = operation


@dataclass(frozen=True, slots=True)
class PixelMap:
    """A linear map of a pixel's channels: `output[c] = scale[c] * input[sources[c]] + offset[c]`.

    Attributes:
        sources: the channel that each output channel reads.
        scale: factors, float64 `(C,)`.
        offset: summands, float64 `(C,)`.
    """

    sources: tuple[int, ...]
    scale: np.ndarray
    offset: np.ndarray

    @classmethod
    def identity(cls, channels: int) -> PixelMap:
        """Return the map that leaves pixels as they are."""
        return cls(tuple(range(channels)), np.ones(channels), np.zeros(channels))

    @classmethod
    def from_spec(cls, pixels: Pixels, channels: int) -> PixelMap:
        """Return the map that a spec's `input.pixels` stands for."""
        low, high = pixels.range
        mean, deviation = (
            np.broadcast_to(np.asarray(each, np.float64), channels) for each in (pixels.mean, pixels.std)
        )
        order = range(channels)[:: -1 if pixels.channel_order == "bgr" else 1]
        return cls(tuple(order), (high - low) / 255 / deviation, (low - mean) / deviation)

    def times(self, factor: Any) -> PixelMap:
        """Return the map followed by a product with one number, or one a channel."""
        factor = np.asarray(factor, np.float64)
        return PixelMap(self.sources, self.scale * factor, self.offset * factor)

    def plus(self, summand: Any) -> PixelMap:
        """Return the map followed by a sum with one number, or one a channel."""
        return PixelMap(self.sources, self.scale, self.offset + np.asarray(summand, np.float64))

    def channels(self, order: Sequence[int]) -> PixelMap:
        """Return the map followed by a choice of channels."""
        order = list(order)
        return PixelMap(tuple(self.sources[each] for each in order), self.scale[order], self.offset[order])

    def equals(self, other: PixelMap) -> bool:
        """Whether the maps give the same numbers for bytes, but for rounding in float32."""
        largest = np.abs(other.scale).max() * 255 + np.abs(other.offset).max()
        return (
            self.sources == other.sources
            and np.allclose(self.scale, other.scale, rtol=1e-6, atol=0)
            and np.allclose(self.offset, other.offset, rtol=1e-6, atol=1e-7 * largest)
        )

    def mean_and_std(self, low: float, high: float) -> dict[str, list[float]]:
        """Return the mean and the deviation that say the map of bytes which are first brought to `low`..`high`."""
        std = (high - low) / 255 / self.scale
        values = {"mean": low - self.offset * std, "std": std}
        return {
            name: [_shortest(each) for each in (value[:1] if np.ptp(value) == 0 else value)]
            for name, value in values.items()
        }

    def as_pixels(self) -> dict[str, Any] | None:
        """Return the fields of the `input.pixels` that stands for the map; None if there is none."""
        forward = tuple(range(len(self.sources)))
        if self.sources not in (forward, forward[::-1]):
            return None
        fields: dict[str, Any] = {"range": [0.0, 255.0], "mean": [0.0], "std": [1.0]}
        if np.ptp(self.scale) == 0 and np.ptp(self.offset) == 0:
            low, scale = float(self.offset[0]), float(self.scale[0])
            fields["range"] = [_shortest(low), _shortest(low + 255 * scale)]
        elif (self.scale <= 0).any():
            return None
        elif np.ptp(self.scale) == 0 and self.scale[0] == 1:
            fields["mean"] = [_shortest(each) for each in -self.offset]
        else:  # deviations as a part of the range 0..1, as they are published
            fields["range"] = [0.0, 1.0]
            fields["mean"] = [_shortest(each) for each in -self.offset / self.scale / 255]
            fields["std"] = [_shortest(each) for each in 1 / self.scale / 255]
        return fields | {"channel_order": "rgb" if self.sources == forward else "bgr"}


def _shortest(value: float) -> float:
    """Return the number with the fewest digits that is the same in float32."""
    return float(str(np.float32(value))) + 0.0  # no -0.0


def read_pixel_map(
    graph: OperationGraph, key: str, channels: int, tensors: Mapping[str, WeightTensor], skipped: Collection[str]
) -> PixelMap:
    """Return what the operations up to `key` make of the network's input.

    Args:
        graph: the network of the file.
        key: the operation whose output is wanted.
        channels: number of channels of the input.
        tensors: the weights of the file, by `LAYER/VARIABLE`.
        skipped: keys of operations that give back what they take, or are left out.

    Raises:
        NotLinearError: if one of the operations is no linear map of single pixel values, with that operation.
    """
    maps: dict[str, PixelMap] = {}
    for operation in graph.up_to(key):
        try:
            maps[operation.key] = _apply(operation, maps, channels, tensors, skipped)
        except (ValueError, TypeError, IndexError, KeyError):
            raise NotLinearError(operation) from None
    return maps[key]


def _apply(
    operation: Operation,
    maps: Mapping[str, PixelMap],
    channels: int,
    tensors: Mapping[str, WeightTensor],
    skipped: Collection[str],
) -> PixelMap:
    """Return the map up to and with an operation; raise anything where it is no linear map."""
    kind, settings = operation.kind, operation.settings
    if kind == "InputLayer":
        return PixelMap.identity(channels)
    before = maps[operation.inputs[0]]
    if operation.key in skipped:
        return before
    if kind == "Rescaling":
        return before.times(_numbers(settings["scale"])).plus(_numbers(settings.get("offset", 0.0)))
    if kind == "Normalization":
        return _normalized(before, operation, tensors)
    if kind == "NormalizePixels":
        pixels = Pixels.model_validate({name: settings[name] for name in Pixels.model_fields if name in settings})
        after = PixelMap.from_spec(pixels, channels)
        return before.channels(after.sources).times(after.scale).plus(after.offset)
    if kind == "GetItem":
        return before.channels(_chosen_channels(operation.arguments[1], len(before.sources)))
    if kind == "Flip" and settings.get("axis") in (-1, 3):
        return before.channels(range(len(before.sources))[::-1])
    if kind in ("Stack", "Concatenate") and settings.get("axis") in (-1, 3):
        parts = [maps[each] for each in operation.inputs]
        sources = tuple(source for part in parts for source in part.sources)
        return PixelMap(sources, *(np.concatenate([getattr(p, name) for p in parts]) for name in ("scale", "offset")))
    if kind == "Negative":
        return before.times(-1)
    return _computed(operation, before)


def _computed(operation: Operation, before: PixelMap) -> PixelMap:
    """Return the map followed by a sum, difference, product or quotient with a constant."""
    first, second = operation.arguments[:2]
    constant = _numbers(second if isinstance(first, Operand) else first)
    turned = not isinstance(first, Operand)  # constant - x, constant / x
    kind = operation.kind
    if kind in _ADDITIONS:
        return before.plus(constant)
    if kind in _SUBTRACTIONS:
        return before.times(-1).plus(constant) if turned else before.plus(-constant)
    if kind in _PRODUCTS:
        return before.times(constant)
    if kind in _QUOTIENTS and not turned:
        return before.times(1 / constant)
    raise ValueError(kind)


def _normalized(before: PixelMap, operation: Operation, tensors: Mapping[str, WeightTensor]) -> PixelMap:
    """Return the map followed by a `Normalization`, whose statistics are given or were adapted to data."""
    settings = operation.settings
    if settings.get("axis", -1) not in (None, -1, 3, [-1], [3], (-1,), (3,), [], ()):
        raise ValueError("statistics of single positions")
    mean, variance = settings.get("mean"), settings.get("variance")
    if mean is None or variance is None:
        names = [name for name in tensors if name.rpartition("/")[0] == operation.layer]
        mean, variance = (tensors[name].read() for name in names[:2])
    mean = _numbers(mean)
    deviation = np.maximum(np.sqrt(_numbers(variance)), _SMALLEST_DEVIATION)
    if settings.get("invert"):
        return before.times(deviation).plus(mean)
    return before.plus(-mean).times(1 / deviation)


def _numbers(value: Any) -> np.ndarray:
    """Return one number, or one a channel, float64 `()` or `(C,)`; ValueError for numbers by position."""
    if isinstance(value, dict):  # a tensor in a layer's configuration
        value = value["config"]["value"]
    array = np.asarray(value, np.float64)
    if array.ndim and array.size != array.shape[-1]:
        raise ValueError("numbers by position")
    return array.reshape(array.shape[-1:]) if array.size > 1 else array.reshape(())


def _chosen_channels(index: Any, channels: int) -> list[int]:
    """Return the channels that `[..., k]` or `[..., ::-1]` chooses."""
    parts = index if isinstance(index, list) else [index]
    *others, last = parts
    everything = all(each is ... or each == slice(None) for each in others)
    if not everything or (... not in others and len(parts) != 4):
        raise ValueError("a part of the image")
    chosen = range(channels)[last]
    return [chosen] if isinstance(chosen, int) else list(chosen)


__all__ = ["NotLinearError", "PixelMap", "read_pixel_map"]
