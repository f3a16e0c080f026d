"""Errors as a notebook shows them."""

from __future__ import annotations

import pytest

import kresnet


def test_a_notebook_shows_the_users_own_lines_and_the_problems():
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.load("resnet51")
    shown = "\n".join(caught.value._render_traceback_())
    assert 'kresnet.load("resnet51")' in shown
    assert shown.count("File ") == 1
    assert "did you mean: resnet50" in shown
