"""Factors, fitted law and verdict of the gradient through the blocks of a network."""

import json

import numpy as np
import pytest

from kresnet.probes.block_paths import block_paths
from kresnet.probes.gradient_flow import gradient_flow
from kresnet.probes.probe import FLOW_COLUMNS
from tests.probes.small_networks import engine_of, images, plan_of, probe_of

#: Weights are all that differs between these: 24 blocks of two layers, a stem and a head make 50.
SIGMOID = {
    "norm": {"kind": "none"},
    "activation": "sigmoid",
    "stages": [{"blocks": 24, "width": 8}],
}


def measured(plan, count=8):
    engine = engine_of(plan)
    probe = probe_of(plan, engine, blocks=True)
    return gradient_flow(plan.name, probe.blocks, engine.measure(images(count), probe)[0]["flow"])


def test_fifty_sigmoid_layers_vanish_and_their_residual_twin_does_not():
    plain = plan_of(**SIGMOID, block={"kind": "basic", "order": "relu_only_preactivation", "shortcut": "none"})
    twin = plan_of(**SIGMOID, block={"kind": "basic", "order": "relu_only_preactivation", "shortcut": "projection"})
    assert plain.weighted_layers == twin.weighted_layers == 50
    assert plain.trainable == twin.trainable
    found, other = measured(plain), measured(twin)
    assert found.verdict == "vanishes"
    assert found.rate < 0.8
    assert "vanishes" in found.sentence()
    assert found.first_block in found.sentence()
    assert other.verdict == "holds"
    assert other.rate > 0.95
    assert found.blocks[0].identity is None
    assert other.blocks[3].identity > 0


def report(deltas, names=("a", "b", "c", "d")):
    parts = [block_paths(plan_of())[0]] * len(deltas)
    rows = np.zeros((len(deltas), len(FLOW_COLUMNS)))
    rows[:, 0] = np.square(deltas)
    return gradient_flow("net", parts, rows)


@pytest.mark.parametrize(
    ("deltas", "verdict"),
    [
        ([1.0, 1.0, 1.0], "holds"),
        ([1e-8, 1e-4, 1.0], "vanishes"),
        ([1e8, 1e4, 1.0], "explodes"),
        ([np.nan, 1.0, 1.0], "not_a_number"),
        ([np.inf, 1.0, 1.0], "not_a_number"),
        ([0.0, 1.0, 1.0], "vanishes"),
        ([0.0, 0.0, 0.0], "vanishes"),
    ],
)
def test_words(deltas, verdict):
    found = report(deltas)
    assert found.verdict == verdict
    assert found.sentence()
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_fit_recovers_a_law():
    found = report([3.0 * 0.5**3, 3.0 * 0.5**2, 3.0 * 0.5, 3.0])
    np.testing.assert_allclose([found.constant, found.rate], [3.0, 0.5])
    assert [block.ratio for block in found.blocks] == [0.5, 0.5, 0.5, None]
