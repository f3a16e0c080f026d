"""Load `.keras` files with Keras alone, and compare what they compute with what was noted beside them.

Run by a Python that cannot import kresnet, as `python -I plain_keras.py BACKEND FOLDER`: of each `NAME.keras` in the
folder it prints how far its outputs and gradients are from those in `NAME.npz`, as one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BACKEND, FOLDER = sys.argv[1], Path(sys.argv[2])
os.environ |= {"KERAS_BACKEND": BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
sys.modules["kresnet"] = None  # type: ignore[assignment] - who imports it gets an ImportError

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402


def by_name(outputs: Any) -> Mapping[str, Any]:
    """Outputs of the network by name; a single one has none in a file."""
    return outputs if isinstance(outputs, dict) else {"only": outputs}


def loss_of(outputs: Any) -> Any:
    """The sum of the outputs' mean squares."""
    return sum(ops.mean(ops.square(value)) for value in by_name(outputs).values())


def gradients(model: keras.Model, x: np.ndarray, training: bool) -> list[Any]:
    """Gradients of the loss by the trainable weights."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = loss_of(model(x, training=training))
        return tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    if BACKEND == "jax":
        import jax

        others = [variable.value for variable in model.non_trainable_variables]
        return jax.jit(jax.grad(lambda w: loss_of(model.stateless_call(w, others, x, training=training)[0])))(
            [variable.value for variable in model.trainable_variables]
        )
    import torch

    torch.backends.mkldnn.enabled = False  # PyTorch 2.13 differentiates a strided 1x1 by its weights wrongly there
    model.zero_grad()
    loss_of(model(x, training=training)).backward()
    return [weight.value.grad.clone() for weight in model.trainable_weights]


def report(path: Path) -> dict[str, float]:
    """The largest differences between a file's network and what was noted, as parts of the largest values."""
    model, noted = keras.models.load_model(path), np.load(path.with_suffix(".npz"))
    x, names = noted["x"], [weight.path for weight in model.trainable_weights]
    assert names == noted["trained"].tolist()
    found = {"outputs": 0.0}
    for name, value in by_name(model(x)).items():
        expected = noted[f"output/{name}"]
        off = np.abs(ops.convert_to_numpy(value) - expected).max() / np.abs(expected).max()
        found["outputs"] = max(found["outputs"], float(off))
    for training in (False, True):
        expected = [noted.get(f"gradient/{training}/{name}") for name in names]
        if expected[0] is None and not training:  # noted in training
            continue
        computed = [ops.convert_to_numpy(each) for each in gradients(model, x, training)]
        if expected[0] is None:  # what is dropped by chance is never the same
            assert all(np.isfinite(each).all() for each in computed)
            continue
        least = max(np.abs(each).max() for each in expected) / 100  # of some weights the gradient is rounding alone
        found[f"gradients, training={training}"] = max(
            float(np.abs(one - other).max() / max(np.abs(other).max(), least))
            for one, other in zip(computed, expected, strict=True)
        )
    return found


print(json.dumps({path.stem: report(path) for path in sorted(FOLDER.glob("*.keras"))}))
