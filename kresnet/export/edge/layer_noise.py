"""How much of each layer's signal quantisation leaves: layer by layer, on the same inputs; without TensorFlow."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kresnet.export.edge.quantization import row_batches
from kresnet.export.edge.tflite_layers import layer_of, tflite_operations
from kresnet.plan import Plan


@dataclass(frozen=True, slots=True)
class LayerNoise:
    """How a layer of a quantised file differs from that of the float file.

    Attributes:
        layer: name of the layer, or of what the file computes beside the plan's layers.
        kind: the operation in TensorFlow Lite.
        tensor: name of the tensor that it gives.
        noise: power of the difference over that of the float file's values: 0.01 is 20 dB.
        added: by how much `noise` is above that of the noisiest input of the layer; below 0 where the layer averages
            noise away.
    """

    layer: str
    kind: str
    tensor: str
    noise: float
    added: float

    @property
    def decibels(self) -> float:
        """Signal to quantisation noise, in decibels; infinite where nothing differs."""
        return -10 * math.log10(self.noise) if self.noise > 0 else math.inf

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        decibels = round(self.decibels, 2) if math.isfinite(self.decibels) else None
        return {"layer": self.layer, "operation": self.kind, "decibels": decibels, "noise_added": self.added}


def layer_noise(float_file: bytes, quantized_file: bytes, plan: Plan, rows: np.ndarray) -> list[LayerNoise]:
    """Run both files, and compare what each layer gives, in the network's order.

    Args:
        float_file: the float file.
        quantized_file: what `kresnet.export.edge.quantization.quantize` made of it.
        plan: the network.
        rows: inputs.
    """
    operations = tflite_operations(float_file)
    names = [operation.tensor for operation in operations]
    signal: defaultdict[str, float] = defaultdict(float)
    noise: defaultdict[str, float] = defaultdict(float)
    files = [_TensorReader(each) for each in (float_file, quantized_file)]
    for batch in row_batches(rows):
        exact, rounded = (file.run(batch, names) for file in files)
        for name in exact.keys() & rounded.keys():
            signal[name] += float(np.sum(np.square(exact[name], dtype=np.float64)))
            noise[name] += float(np.sum(np.square(exact[name].astype(np.float64) - rounded[name])))
    shares = {name: noise[name] / signal[name] if signal[name] else 0.0 for name in noise}
    return [
        LayerNoise(layer_of(each, plan), each.kind, each.tensor, shares[each.tensor],
                   shares[each.tensor] - max((shares.get(name, 0.0) for name in each.inputs), default=0.0))
        for each in operations if each.tensor in shares
    ]  # fmt: skip


def noisiest_layers(found: Sequence[LayerNoise]) -> list[LayerNoise]:
    """Return the layers that add most noise first."""
    return sorted(found, key=lambda each: -each.added)


class _TensorReader:
    """A file of which every tensor can be read after a run."""

    def __init__(self, content: bytes) -> None:
        import warnings

        from ai_edge_litert.interpreter import Interpreter

        with warnings.catch_warnings(action="ignore"):  # that this takes memory, which is known
            self._interpreter = Interpreter(
                model_content=content, num_threads=2, experimental_preserve_all_tensors=True
            )
        [self._input] = self._interpreter.get_input_details()

    def run(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the tensors of these names for inputs, float32; those that the file lacks are left out."""
        scale, zero = self._input["quantization"]
        kind = self._input["dtype"]
        if scale:
            rows = np.clip(np.rint(rows / scale) + zero, np.iinfo(kind).min, np.iinfo(kind).max)
        self._interpreter.resize_tensor_input(self._input["index"], rows.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input["index"], rows.astype(kind))
        self._interpreter.invoke()
        found: dict[str, np.ndarray] = {}
        for details in self._interpreter.get_tensor_details():
            if details["name"] in names:
                scale, zero = details["quantization"]
                values = self._interpreter.get_tensor(details["index"]).astype(np.float32)
                found[details["name"]] = (values - zero) * scale if scale else values
        return found


__all__ = ["LayerNoise", "layer_noise", "noisiest_layers"]
