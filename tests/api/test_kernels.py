"""What was measured of kernels, from Python."""

from kresnet import clear_kernels, list_kernels
from kresnet.files import CACHE_VARIABLE
from kresnet.plan.convolutions import KernelChoice
from kresnet.runs.kernel_cache import KernelCache, MeasuredKernels

TIMES = {"forward": {"stock": 1.5, "products": 1.0}, "by_weights": {"stock": 2.0, "products": 4.0}}


def test_what_was_measured_is_listed_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert (list_kernels(), clear_kernels()) == ([], 0)
    here = {"processor": "a", "threads": 2}
    KernelCache(here).add({"one": MeasuredKernels(KernelChoice("products"), TIMES)})
    assert list_kernels() == [
        {"convolution": "one", "forward": "products", "by_input": "stock", "by_weights": "stock",
         "milliseconds": TIMES, "environment": here}
    ]  # fmt: skip
    assert str(list_kernels()).splitlines()[-1].split() == ["one", "products", "stock", "stock", "a", "2"]
    assert clear_kernels() == 1
    assert list_kernels() == []
