"""A float TensorFlow Lite file made one of integers, by LiteRT's quantizer; TensorFlow is not imported.

Weights are int8 with a scale for each output channel, symmetric; activations int8 with a scale and a zero point, or
int16, symmetric; biases int32 or int64 (the scheme of Jacob et al. 2018, arXiv:1712.05877).
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np

from kresnet.export.edge.file_formats import FileWeights
from kresnet.runtime import stderr_held

#: The smallest and the largest value of a tensor, by its name.
Ranges = dict[str, tuple[float, float]]
SIGNATURE = "serving_default"

#: Values of a batch of inputs that is run at once, at most: all that a network computes of them is kept.
_BATCH_VALUES = 2**20


def row_batches(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield inputs in batches that fit in memory together with all that a network computes of them, float32."""
    size = max(1, min(64, _BATCH_VALUES // int(np.prod(rows.shape[1:]))))
    for start in range(0, len(rows), size):
        yield rows[start : start + size].astype(np.float32)


def calibrate(model: bytes, rows: np.ndarray, input_name: str) -> Ranges:
    """Return the smallest and the largest value that each tensor takes for some inputs, whatever their order.

    Args:
        model: the float file.
        rows: the inputs.
        input_name: name of the signature's input.
    """
    from litert_quantizer import calibrator, recipe
    from litert_quantizer.recipe_manager import RecipeManager
    from litert_quantizer.utils.qsv_utils import min_max_update

    manager = RecipeManager()
    manager.load_quantization_recipe(recipe.static_wi8_ai8())
    with _quiet():
        observer = calibrator.Calibrator(model, num_threads=2, qsv_update_func=min_max_update)
        observer.calibrate({SIGNATURE: [{input_name: batch} for batch in row_batches(rows)]}, manager)
    found = observer.get_model_qsvs()
    return {
        name: (float(np.min(each["min"])), float(np.max(each["max"])))
        for name, each in found.items()
        if each and np.size(each["min"]) == 1
    }


def quantize(model: bytes, weights: FileWeights, ranges: Ranges, keep_float: Collection[str] = ()) -> bytes:
    """Return a file of integers.

    Args:
        model: the float file.
        weights: `int8`, whose ends are int8 too; `int8_float_io` and `int16x8`, whose ends are float32; or `dynamic`,
            of which the weights alone are integers, and activations are rounded when it runs.
        ranges: of each tensor, as `calibrate` returns them; not read for `dynamic`.
        keep_float: names of tensors whose operations stay in float.
    """
    from litert_quantizer import algorithm_manager, qtyping, quantizer

    operations, leave = qtyping.TFLOperationName, algorithm_manager.AlgorithmName.NO_QUANTIZE
    writer = quantizer.Quantizer(model)
    if weights == "dynamic":
        writer.add_dynamic_config(".*", operations.ALL_SUPPORTED, num_bits=8)
    else:
        bits = 16 if weights == "int16x8" else 8
        writer.add_static_config(".*", operations.ALL_SUPPORTED, activation_num_bits=bits, weight_num_bits=8)
        if weights != "int8":
            for end in (operations.INPUT, operations.OUTPUT):
                writer.update_quantization_recipe(".*", end, algorithm_key=leave)
    for tensor in keep_float:
        writer.update_quantization_recipe(f"^{re.escape(tensor)};", operations.ALL_SUPPORTED, algorithm_key=leave)
    known = _as_statistics(ranges) if weights != "dynamic" else None
    with _quiet():
        written = writer.quantize(known, enable_progress_bar=False, enable_progress_report=False).quantized_model
    return bytes(written)


def _as_statistics(ranges: Ranges) -> Mapping[str, Any]:
    return {
        name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
        for name, (low, high) in ranges.items()
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's progress bars and remarks off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), stderr_held():
        yield


__all__ = ["SIGNATURE", "Ranges", "calibrate", "quantize", "row_batches"]
