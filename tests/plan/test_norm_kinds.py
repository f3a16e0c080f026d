"""The parameters of norms, against the layers of Keras."""

from __future__ import annotations

import pytest

from kresnet.plan.kinds import norm_kind
from kresnet.spec.norms import BatchNorm, GroupNorm, LayerNorm, NoNorm, Norm


@pytest.mark.parametrize(
    ("norm", "names"),
    [
        (BatchNorm(kind="batch"), ["gamma", "beta", "moving_mean", "moving_variance"]),
        (GroupNorm(kind="group"), ["gamma", "beta"]),
        (LayerNorm(kind="layer"), ["gamma", "beta"]),
        (NoNorm(kind="none"), []),
    ],
)
def test_a_norm_has_a_number_of_each_a_channel(norm: Norm, names: list[str]) -> None:
    parameters = norm_kind(norm).parameters(7)
    assert [parameter.name for parameter in parameters] == names
    assert {parameter.shape for parameter in parameters} <= {(7,)}
    assert [parameter.name for parameter in parameters if not parameter.trainable] == names[2:]
