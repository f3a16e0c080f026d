"""What was measured is kept by environment, and a cache that is broken or cannot be written does no harm."""

from __future__ import annotations

import json
import os

import pytest

from kresnet.errors import KresnetError
from kresnet.files import CACHE_VARIABLE
from kresnet.plan.convolutions import STOCK, KernelChoice
from kresnet.runs.kernel_cache import KernelCache, MeasuredKernels, cached_kernels, clear_cached_kernels

HERE = {"processor": "a", "tensorflow": "2.21.0", "threads": 2}
TIMES = {"forward": {"stock": 1.5, "products": 1.0}, "by_weights": {"stock": 2.0, "products": 4.0}}
MEASURED = MeasuredKernels(KernelChoice("products"), TIMES)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def test_what_was_measured_is_known_where_it_was_measured():
    KernelCache(HERE).add({"one": MEASURED})
    KernelCache(HERE).add({"two": MeasuredKernels(STOCK, {})})
    assert KernelCache(HERE).read() == {"one": MEASURED, "two": MeasuredKernels(STOCK, {})}
    for other in ({"processor": "b"}, {"tensorflow": "2.22.0"}, {"threads": 4}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}):
        assert KernelCache({**HERE, **other}).read() == {}


def test_all_environments_are_found_and_forgotten():
    assert ([*cached_kernels()], clear_cached_kernels()) == ([], 0)
    KernelCache(HERE).add({"one": MEASURED, "two": MEASURED})
    KernelCache({**HERE, "threads": 4}).add({"one": MEASURED})
    assert sorted((here["threads"], len(known)) for here, known in cached_kernels()) == [(2, 2), (4, 1)]
    assert clear_cached_kernels() == 3
    assert [*cached_kernels()] == []


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"environment": {}}', '{"environment": 1, "convolutions": []}'])
def test_a_broken_file_is_as_none(folder, text):
    cache = KernelCache(HERE)
    cache.add({"one": MEASURED})
    cache.path.write_text(text)
    assert cache.read() == {}
    assert [*cached_kernels()] == []
    cache.add({"two": MEASURED})
    assert cache.read() == {"two": MEASURED}
    assert [path.name for path in folder.iterdir()] == [cache.path.name]


def test_an_entry_that_is_no_choice_is_as_none():
    cache = KernelCache(HERE)
    cache.add({"one": MEASURED})
    values = json.loads(cache.path.read_text())
    good = values["convolutions"]["one"]
    bad = ({**good, "choice": {"forward": "magic"}}, {"choice": {}}, {**good, "milliseconds": {"forward": 3}}, None, 5)
    values["convolutions"] |= {f"bad{number}": each for number, each in enumerate(bad)}
    cache.path.write_text(json.dumps(values))
    assert cache.read() == {"one": MEASURED}


def test_a_cache_that_cannot_be_written_does_without(folder):
    folder.parent.mkdir()
    folder.touch()  # where a folder should be
    cache = KernelCache(HERE)
    cache.add({"one": MEASURED})
    assert cache.read() == {}
    assert [*cached_kernels()] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_left_and_said_when_it_is_to_be_cleared(folder):
    cache = KernelCache(HERE)
    cache.add({"one": MEASURED})
    folder.chmod(0o500)
    try:
        cache.add({"two": MEASURED})
        assert cache.read() == {"one": MEASURED}
        with pytest.raises(KresnetError, match="cannot be written"):
            clear_cached_kernels()
    finally:
        folder.chmod(0o700)
