"""Small networks for probes to measure, and a batch for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from kresnet.data.embedded import read_embedded
from kresnet.graph import build_model
from kresnet.plan import Plan, make_plan
from kresnet.probes.probe import Probe
from kresnet.spec.architecture import Spec
from kresnet.training.step.engine import Engine
from kresnet.training.step.trainer import Trainer


def document(**changes: Any) -> dict[str, Any]:
    """A residual network of a few thousand weights; three stages of two blocks."""
    return {
        "name": "tiny",
        "input": {"shape": [28, 28, 1], "pixels": {"mean": [0.286], "std": [0.353]}},
        "stem": {"kind": "conv", "width": 8, "kernel": 3, "stride": 2},
        "block": {"kind": "basic"},
        "stages": [{"blocks": 2, "width": 8}, {"blocks": 2, "width": 8, "stride": 2}],
        "head": {"classes": 10},
    } | changes


def plan_of(**changes: Any) -> Plan:
    return make_plan(Spec.model_validate(document(**changes)))


def images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Real images uint8 `(count, 28, 28, 1)` and labels."""
    arrays = read_embedded()
    return arrays["train_images"][:count], arrays["train_labels"][:count].astype(np.int32)


def engine_of(plan: Plan, **options: Any) -> Engine:
    """The plan's network on one device."""
    network = build_model(plan, **options)
    return Engine(Trainer(network), tf.distribute.get_strategy())


def probe_of(plan: Plan, engine: Engine, *, norms: bool = False, blocks: bool = False) -> Probe:
    return Probe(plan, engine.trainer.network, check_norms=norms, measure_blocks=blocks)
