"""Errors as values, and as a notebook shows them."""

from __future__ import annotations

import pytest

import kresnet
from kresnet.errors import MOST_LISTED, KresnetError, Listing, Problem


def test_a_notebook_shows_the_users_own_lines_and_the_problems():
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.load("resnet51")
    shown = "\n".join(caught.value._render_traceback_())
    assert 'kresnet.load("resnet51")' in shown
    assert shown.count("File ") == 1
    assert "did you mean: resnet50" in shown


def test_one_bad_input_among_failures_makes_the_status_two():
    assert KresnetError([Problem("diverged", ""), Problem("wrong_type", "")]).status == 2
    assert KresnetError(Problem("diverged", "")).status == 1


def test_a_code_that_is_not_in_the_list_cannot_be_raised():
    with pytest.raises(ValueError, match="not in"):
        Problem("new_code", "")


def test_a_long_listing_shows_ten_lines_and_keeps_all():
    listing = Listing(f"tensor {number}" for number in range(300))
    problem = Problem("weights_mismatch", "300 tensors are for no weight.", found=listing)
    assert str(problem).count("\n    ") == MOST_LISTED + 1
    assert str(problem).endswith("\n    tensor 9\n    and 290 more; --json has all")
    assert str(problem.as_dict()["found"]).splitlines()[-1] == "    tensor 299"
    assert Listing(["one"]).shown == "one"
    assert Listing(map(str, range(10))).shown == Listing(map(str, range(10)))
