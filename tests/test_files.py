"""Values and files as kresnet writes them."""

from __future__ import annotations

import math
from pathlib import Path

from kresnet.files import CACHE_VARIABLE, cache_folder, replace_non_finite


def test_non_finite_numbers_become_null_all_the_way_down():
    assert replace_non_finite({"a": [1.0, {"b": (math.inf, 2)}]}) == {"a": [1.0, {"b": [None, 2]}]}


def test_the_cache_stands_where_the_environment_says_else_in_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for text, folder in (("", tmp_path / ".cache" / "kresnet"), ("/elsewhere", Path("/elsewhere"))):
        monkeypatch.setenv(CACHE_VARIABLE, text)
        assert cache_folder() == folder
    monkeypatch.setenv(CACHE_VARIABLE, "~/here")
    assert cache_folder() == tmp_path / "here"
