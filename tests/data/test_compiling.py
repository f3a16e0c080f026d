"""Functions compiled by Numba: they round as NumPy does, and are kept on disk where that is possible."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from kresnet.data import compiling
from kresnet.data.compiling import ROUNDS, compiled, compiled_agrees


def _scaled(values: np.ndarray, factor: np.float32, shift: np.float32) -> np.ndarray:
    results = np.empty_like(values)
    for place in range(len(values)):
        results[place] = values[place] * factor + shift
    return results


def test_every_product_is_rounded_before_it_is_added() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    factor, shift = np.float32(1.1), np.float32(-0.3)
    np.testing.assert_array_equal(compiled(_scaled)(values, factor, shift), values * factor + shift)


def test_rounds_halves_to_even() -> None:
    numbers = np.arange(-600, 600, dtype=np.float32) / 4
    np.testing.assert_array_equal((numbers + ROUNDS) - ROUNDS, np.rint(numbers))


def test_compiles_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    really = numba.njit

    def unwritable(*, nogil: bool, cache: bool = False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return really(nogil=nogil)

    monkeypatch.setattr(numba, "njit", unwritable)
    assert compiled(_scaled)(np.ones(3, np.float32), np.float32(2), np.float32(1)).tolist() == [3, 3, 3]


def test_what_stands_against_it_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kresnet.data.compiling")
    assert compiled_agrees("images are made", lambda: True)
    assert not caplog.messages
    assert not compiled_agrees("images are made", lambda: False)
    assert caplog.messages == ["Numba rounds otherwise than TensorFlow here, so that images are made by TensorFlow."]
    monkeypatch.setattr(compiling, "find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert not compiled_agrees("images are made", lambda: bool(compiled(_scaled)))
    assert "Numba cannot be imported, so that images are made by TensorFlow" in caplog.text
    monkeypatch.setattr(compiling, "find_spec", lambda name: None)
    assert not compiled_agrees("images are made", lambda: pytest.fail("compiled code was looked at"))
