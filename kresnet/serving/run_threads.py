"""Choose how many threads a run takes, for a whole process: all its models share TensorFlow's pool of threads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kresnet.cores import usable_cores
from kresnet.errors import KresnetError
from kresnet.export.manifest import SPEC
from kresnet.plan import make_plan
from kresnet.spec.loading import load_spec

#: Multiply-accumulates of a row in a layer, on average, below which dealing an operation out to threads costs more than
#: it saves: with 2 M (cifar_resnet20 to 110) a run was faster on one core than on two, with 101 M (resnet18) slower.
#: Measured by `benchmarks.run_threads`, docs/serving.md.
SMALL_LAYER_MACS = 10_000_000


def choose_run_threads(models: Iterable[Path]) -> int:
    """Return 1 where the layers of every model are small; else, or where a spec is not known, the number of cores.

    Args:
        models: a version folder of each model.
    """
    return 1 if all(map(_has_small_layers, models)) else len(usable_cores())


def _has_small_layers(version: Path) -> bool:
    try:
        plan = make_plan(load_spec(version / SPEC).value)
    except KresnetError:  # not of kresnet's making
        return False
    return plan.macs < SMALL_LAYER_MACS * plan.weighted_layers
