"""What is computed again is the same, moves nothing twice, and is not kept meanwhile."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.memory import measured
from kresnet.errors import KresnetError
from kresnet.graph import build_model
from kresnet.plan import Plan
from kresnet.plan.segments import require_rematerialized_stages, segments
from kresnet.training.step.rematerialization import rematerialized_forward
from kresnet.training.step.trainer import Trainer
from tests.training.networks import tiny_plan

RNG = np.random.default_rng(0)
IMAGES = tf.constant(RNG.integers(0, 256, (8, 8, 8, 1)).astype(np.uint8))
LABELS = tf.constant(RNG.integers(0, 3, 8).astype(np.int32))


def passed(plan: Plan, stages: tuple[int, ...], compiled: bool) -> tuple[list[Any], keras.Model]:
    """Outputs, loss and gradients of a backward pass, and the network after it."""
    network = build_model(plan, seed=1)
    made = Trainer(network, forward=rematerialized_forward(network, plan, stages) if stages else None)

    def run() -> list[Any]:
        found = made.backward(IMAGES, LABELS)
        return [found.outputs, found.loss, *found.gradients]

    return (tf.function(run, autograph=False) if compiled else run)(), network


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("settings", [{}, {"dropout": 0.4}, {"order": "full_preactivation"}])
def test_numbers_masks_and_statistics_are_those_of_the_plain_pass(settings: dict[str, Any], compiled: bool) -> None:
    plan = tiny_plan({"kind": "batch"}, **settings)
    (expected, plain), (found, again) = (passed(plan, stages, compiled) for stages in ((), (1, 2)))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for a, b in zip(again.variables, plain.variables, strict=True):  # statistics and seeds too
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-7)
    moved = [v.numpy() for v in again.variables if v.name == "moving_mean"]
    assert all(np.abs(mean).max() > 0 for mean in moved)


def test_segments_cover_the_plan_once_and_name_what_crosses() -> None:
    plan = tiny_plan({"kind": "batch"})
    pieces = segments(plan, [2])
    assert [record for piece in pieces for record in piece.records] == list(plan.records)
    assert [piece.recomputed for piece in pieces] == [False, False, True, False]
    for before, after in pairwise(pieces):
        assert after.inputs == before.outputs
    assert "stage2.block1.conv1" in pieces[2].inner_names
    assert pieces[2].outputs == ("stage2.block1.activation",)


@pytest.mark.parametrize("stages", [(3,), (1, 1)])
def test_stages_that_are_not_there_are_refused(stages: tuple[int, ...]) -> None:
    with pytest.raises(KresnetError, match="has 2 stages"):
        require_rematerialized_stages(tiny_plan({"kind": "batch"}), stages)


def bytes_per_image(**case: Any) -> tuple[float, float]:
    """Peak memory of a step and its estimate, for one image more: without what tracing and compiling take once."""
    few, many = (measured("cifar_resnet56", batch, case) for batch in (64, 320))
    peak, estimate = ((many[name] - few[name]) / 256 for name in ("peak", "estimate"))
    return peak, estimate


@pytest.mark.slow
def test_a_real_network_needs_less_memory_and_about_what_is_estimated() -> None:
    plain, again, parts = bytes_per_image(), bytes_per_image(rematerialize=[1, 2, 3]), bytes_per_image(parts=4)
    assert again[0] < 0.6 * plain[0]  # by estimate 0.35
    assert parts[0] < 0.6 * plain[0]  # by estimate 0.25
    for peak, estimate in (plain, again, parts):
        assert 0.5 < peak / estimate < 2, (plain, again, parts)
