"""A small network with its float file, and what Keras answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kresnet.export.edge.file_writers import make_function, write_tflite
from kresnet.export.reference_outputs import reference_outputs
from kresnet.export.served_network import ServedNetwork, served_network
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec
from tests.export.networks import network, spec_of


@dataclass(frozen=True)
class SmallNetwork:
    """A network of one block, its file of floats that gives probabilities alone, inputs, and Keras's answers."""

    spec: Spec
    model: keras.Model
    served: ServedNetwork
    float_file: bytes
    rows: np.ndarray
    probabilities: np.ndarray

    @property
    def plan(self) -> Plan:
        return self.served.plan


def small_network(**settings: Any) -> SmallNetwork:
    """Make the network, with other settings of its spec."""
    spec = spec_of(**settings)
    plan, random = make_plan(spec), np.random.default_rng(0)
    colours, noise = random.uniform(0, 255, (48, 1, 1, 3)), random.normal(0, 30, (48, *spec.input.shape))
    rows = np.clip(colours + noise, 0, 255).astype(np.uint8)
    model = network(spec)
    head = model.get_layer("head.logits")  # made to say each of its classes of some rows
    logits = model.predict(rows.astype(np.float32), verbose=0)
    head.kernel.assign(head.kernel / logits.std(axis=0))
    head.bias.assign(head.bias - np.asarray(model.predict(rows.astype(np.float32), verbose=0)).mean(axis=0))
    served, _ = served_network(model, plan, rows)
    content = write_tflite(make_function(served, spec, logits=False))
    answers = reference_outputs(served.predict(rows), spec)
    return SmallNetwork(spec, model, served, content, rows, answers["probabilities"])
