"""Values and files as kresnet writes them."""

from __future__ import annotations

import math

from kresnet.files import replace_non_finite


def test_non_finite_numbers_become_null_all_the_way_down():
    assert replace_non_finite({"a": [1.0, {"b": (math.inf, 2)}]}) == {"a": [1.0, {"b": [None, 2]}]}
