"""One pass of a network over a split, on one process or several: all its metrics, and its outputs in order."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from kresnet.data.pipeline import BatchSlice, evaluation_batches, slice_positions
from kresnet.data.splits import Split
from kresnet.distributed.workers import Workers
from kresnet.plan.objective import Objective
from kresnet.spec.implementations import implementation
from kresnet.spec.recipe.metrics import Metric
from kresnet.training.step.engine import Engine
from kresnet.training.step.metric_forms import ExampleOutputs, OutputMetric
from kresnet.training.step.output_metrics import metrics_of_matrix, metrics_of_outputs, metrics_of_sums


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a pass over a split found.

    Attributes:
        metrics: every metric by name; NaN where it is undefined. The same on all workers.
        confusion_matrix: int64 counts of `LossFunction.confusion_matrix`; None for values.
        found: outputs and targets of all examples, in the chief and where they were wanted; else None.
    """

    metrics: dict[str, float]
    confusion_matrix: np.ndarray | None
    found: ExampleOutputs | None = None


def measure_split(
    engine: Engine,
    split: Split,
    objective: Objective,
    batch_size: int,
    *,
    wanted: Collection[Metric] = (),
    workers: Workers | None = None,
    between: Callable[[], None] = lambda: None,
) -> Measurement:
    """Measure the evaluated network on all examples of a split.

    Args:
        engine: has the network and its loss.
        split: the split; every worker opened the same.
        objective: of the run.
        batch_size: examples of a whole global batch.
        wanted: metrics beside those that are always measured. Those of single examples and of sums are measured if the
            loss of the engine was made for them; where one is wanted that needs all outputs, these are gathered in the
            chief, and all of `Objective.output_metrics` are computed.
        workers: all workers, each of which must call this; a single process by default.
        between: called before each batch; it may raise.

    Raises:
        KresnetError: `image_unreadable`, `peer_lost`.
    """
    workers = workers or Workers()
    slices = [BatchSlice(rank, workers.count) for rank in range(workers.count)]
    batches = evaluation_batches(split, batch_size, slices[workers.rank])
    keep = any(isinstance(implementation(metric), OutputMetric) for metric in wanted)
    sums = engine.sum_metrics(batches, batch_size, between, keep_outputs=keep)
    metrics, matrix, found = sums.means(), sums.confusion_matrix(), None
    metrics |= metrics_of_sums(sums, wanted)
    if matrix is not None:
        metrics |= metrics_of_matrix(matrix, wanted)
    if keep:
        own = {"outputs": sums.outputs(), "targets": sums.targets()}
        if parts := workers.gather_arrays(own):
            positions = [slice_positions(len(split), batch_size, each) for each in slices]
            outputs, targets = (_in_order([part[name] for part in parts], positions) for name in own)
            found = ExampleOutputs(outputs, targets, independent=objective.independent)
        # The chief alone has them all, and its numbers are everybody's: all decide alike by them.
        metrics |= workers.all_gather(metrics_of_outputs(objective, found, wanted) if found else None)[0]
    return Measurement(metrics, matrix, found)


def _in_order(parts: list[np.ndarray], positions: list[np.ndarray]) -> np.ndarray:
    """Return what the workers read of a split in the split's order."""
    return np.concatenate(parts)[np.argsort(np.concatenate(positions), kind="stable")]
