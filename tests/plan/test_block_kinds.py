"""The weighted layers of the blocks that ship; their figures stand in golden/, their orders in test_residual.py."""

from __future__ import annotations

import pytest

from tests.plan.networks import block, plan


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        ({"kind": "basic"}, {"conv1": (3, 16, 2), "conv2": (3, 16, 1)}),
        ({"kind": "bottleneck"}, {"conv1": (1, 16, 1), "conv2": (3, 16, 2), "conv3": (1, 64, 1)}),
        (
            {"kind": "bottleneck", "stride_on": "conv1x1", "reduce_first": 2},
            {"conv1": (1, 8, 2), "conv2": (3, 16, 1), "conv3": (1, 64, 1)},
        ),
        (
            {"kind": "bottleneck", "anti_alias": "blur"},
            {"conv1": (1, 16, 1), "conv2": (3, 16, 1), "anti_alias": (None, 16, 2), "conv3": (1, 64, 1)},
        ),
    ],
)
def test_windows_widths_and_strides(settings, layers):
    records = block(plan(block=settings), 2, 1)
    found = {
        name: (record.settings.get("kernel"), record.shape[-1], record.settings["stride"])
        for name, record in records.items()
        if record.kind in ("conv", "blur") and not name.startswith("shortcut")
    }
    assert found == layers


def test_dense_layers_pass_hidden_units():
    network = plan(input={"shape": [12]}, stem={"kind": "none"}, block={"kind": "dense", "hidden": 20},
                   stages=[{"blocks": 1, "width": 8}], head={"classes": 2, "pool": "none"})  # fmt: skip
    dense = {name: each.shape for name, each in block(network, 1, 1).items() if each.kind == "dense"}
    assert dense == {"dense1": (20,), "dense2": (8,), "shortcut.dense": (8,)}
