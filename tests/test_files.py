"""Values and files as kresnet writes them."""

from __future__ import annotations

import math
from pathlib import Path

from kresnet.files import CACHE_VARIABLE, cache_folder, json_digest, read_mapping, replace_non_finite


def test_non_finite_numbers_become_null_all_the_way_down():
    assert replace_non_finite({"a": [1.0, {"b": (math.inf, 2)}]}) == {"a": [1.0, {"b": [None, 2]}]}


def test_the_cache_stands_where_the_environment_says_else_in_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for text, folder in (("", tmp_path / ".cache" / "kresnet"), ("/elsewhere", Path("/elsewhere"))):
        monkeypatch.setenv(CACHE_VARIABLE, text)
        assert cache_folder() == folder
    monkeypatch.setenv(CACHE_VARIABLE, "~/here")
    assert cache_folder() == tmp_path / "here"


def test_a_file_that_holds_no_mapping_is_an_empty_one(tmp_path):
    path = tmp_path / "a.json"
    assert read_mapping(path) == {}
    for text, found in (('{"a": 1}', {"a": 1}), ("[1]", {}), ('{"a": ', {})):
        path.write_text(text)
        assert read_mapping(path) == found


def test_digests_of_values_do_not_depend_on_the_order_of_keys():
    assert json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1}) != json_digest({"a": 1, "b": 3})
