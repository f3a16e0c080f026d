"""Time to build ResNet-152: kresnet (plan, build, verify) against keras.applications, alternating in one process.

python -m benchmarks.build [--runs 7]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from kresnet.runtime import import_tensorflow

import_tensorflow()

import keras  # noqa: E402

from kresnet.graph import build_model  # noqa: E402
from kresnet.plan import plan_loaded  # noqa: E402
from kresnet.spec.loading import load_spec  # noqa: E402


def ours() -> keras.Model:
    return build_model(plan_loaded(load_spec("resnet152")))


def theirs() -> keras.Model:
    return keras.applications.ResNet152(weights=None)


def seconds(build: Callable[[], keras.Model]) -> float:
    """Wall time of one build, from a cleared session."""
    keras.backend.clear_session()
    began = time.perf_counter()
    build()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    seconds(ours), seconds(theirs)  # what only a first build pays
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    for name, times in zip(("kresnet", "keras.applications"), zip(*pairs, strict=True), strict=True):
        print(f"{name:<20} median {statistics.median(times):.2f} s  ({min(times):.2f} to {max(times):.2f})")
    ratios = [a / b for a, b in pairs]
    print(f"{'ratio':<20} median {statistics.median(ratios):.2f}    ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
