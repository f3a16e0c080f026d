"""What an attention is where its spec says no more, and which values it refuses."""

from __future__ import annotations

import pytest

from kresnet.spec.attention import EfficientChannel, SqueezeExcite
from tests.spec.refusals import refused


def test_kinds_have_the_settings_of_their_papers():
    assert SqueezeExcite(kind="squeeze_excite").document() == {
        "kind": "squeeze_excite", "reduction": 16, "relative_to": "channels", "divisor": None, "least_share": 0.0,
        "activation": "relu",
        "gate": "sigmoid",
    }  # fmt: skip
    assert EfficientChannel(kind="efficient_channel").document() == {
        "kind": "efficient_channel", "kernel": None, "gate": "sigmoid",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        (SqueezeExcite, {"kind": "squeeze_excite", "gate": "tanh"}, ("wrong_value", "gate")),
        (SqueezeExcite, {"kind": "squeeze_excite", "divisor": 0}, ("out_of_range", "divisor")),
        (EfficientChannel, {"kind": "efficient_channel", "kernel": 33}, ("out_of_range", "kernel")),
        (EfficientChannel, {"kind": "efficient_channel", "reduction": 4}, ("unknown_field", "reduction")),
    ],
)
def test_what_is_refused(model, settings, expected):
    assert refused(model, settings) == expected
