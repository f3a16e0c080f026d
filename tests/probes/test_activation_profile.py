"""Profiles of activations: what they say in words, and in JSON where there are no numbers."""

from __future__ import annotations

import math

import pytest

from kresnet.probes.activation_profile import activation_profile


@pytest.mark.parametrize(
    ("deviations", "verdict", "words"),
    [
        ([1.0, 0.5], "holds", "holds: it changes by a factor 0.5 over 2 blocks, to 0.5"),
        ([1.0, 1e-4], "vanishes", "vanishes: it changes by a factor 0.0001"),
        ([1.0, 0.0], "vanishes", "vanishes: it changes by a factor 0 "),
        ([0.0, 0.0], "vanishes", "vanishes over 2 blocks, to 0"),
        ([1.0, 1e5], "explodes", "explodes: it changes by a factor 1e+05"),
        ([1.0, math.inf], "not_a_number", "no numbers from b1 on"),
    ],
)
def test_a_profile_is_judged_by_its_deviations(deviations, verdict, words):
    rows = [(0.1, deviation, 2.0, 0.25) for deviation in deviations]
    profile = activation_profile("small", ["b0", "b1"], rows)
    assert profile.verdict == verdict
    assert words in profile.sentence()
    last = profile.as_dict()["blocks"][1]
    assert last["deviation"] == (deviations[1] if math.isfinite(deviations[1]) else None)
    assert last["zeros"] == 0.25
