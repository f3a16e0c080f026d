"""`kresnet kernels list` and `clear`, as a user types them."""

import json

import pytest

from kresnet.files import CACHE_VARIABLE
from kresnet.plan.convolutions import KernelChoice
from kresnet.runs.kernel_cache import KernelCache, MeasuredKernels
from tests.cli.test_main import run as typed


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    return KernelCache(environment(["avx", "avx2"]))


def environment(units, **switches):
    return {"processor": "EPYC", "units": units, "tensorflow": "2.21.0", "threads": 2, **switches}


def test_nothing_is_measured_at_first(capsys):
    assert typed("kernels", "list") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "Nothing was measured yet" in err
    assert typed("kernels", "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"kernels": []}


def test_what_was_measured_is_shown_with_its_gain_and_forgotten(cache, capsys):
    times = {"forward": {"stock": 3.0, "products": 1.0}, "by_weights": {"stock": 2.0, "products": 4.0}}
    cache.add({"1x1 8x8x4 to 4": MeasuredKernels(KernelChoice("products"), times)})
    assert typed("kernels", "list") == 0
    where, _, _, row = capsys.readouterr().out.splitlines()
    assert where == "EPYC (avx, avx2), 2 threads, TensorFlow 2.21.0"
    assert " ".join(row.split()) == "1x1 8x8x4 to 4 products, 3.0 × stock stock"
    assert typed("kernels", "clear") == 0
    assert capsys.readouterr().out == "1 convolution forgotten\n"
    assert typed("kernels", "clear", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"removed": 0}


def test_processors_of_one_name_are_told_apart_by_their_units(cache, capsys):
    others = (
        KernelCache(environment(["amx_bf16", "avx512_bf16"])),
        KernelCache(environment([], ONEDNN_MAX_CPU_ISA="AVX2")),
    )
    for each in (cache, *others):
        for shape in ("1x1 8x8x4 to 4", "3x3 8x8x4 to 4"):
            each.add({shape: MeasuredKernels(KernelChoice(), {})})
    assert typed("kernels", "list") == 0
    out = capsys.readouterr().out.rstrip("\n")
    parts = [part.splitlines() for part in out.split("\n\n")]
    assert sorted(heading for heading, *_ in parts) == [
        "EPYC (amx_bf16, avx512_bf16), 2 threads, TensorFlow 2.21.0",
        "EPYC (avx, avx2), 2 threads, TensorFlow 2.21.0",
        "EPYC, 2 threads, TensorFlow 2.21.0, ONEDNN_MAX_CPU_ISA=AVX2",
    ]
    assert {len(part) for part in parts} == {5}
