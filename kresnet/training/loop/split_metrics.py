"""The metrics of a run's splits: after every epoch of the images that it is judged by, and at its end."""

from __future__ import annotations

from collections.abc import Callable, Collection

from kresnet.data.sources import DataSet
from kresnet.data.splits import Split
from kresnet.distributed.workers import Workers
from kresnet.plan.resolved_recipe import ResolvedRecipe
from kresnet.spec.recipe.metrics import Metric, metric_named
from kresnet.training.step.engine import Engine
from kresnet.training.step.measure import measure_split

#: Called between batches; what it raises ends the measuring.
Between = Callable[[], None]


class SplitMetrics:
    """Measures the network in training; all workers must call the same methods.

    Args:
        data: the images of all splits.
        steps: the recipe in steps, which says what is measured.
        engine: the engine that has the network.
        workers: all processes of the run.
    """

    def __init__(self, data: DataSet, steps: ResolvedRecipe, engine: Engine, workers: Workers) -> None:
        self._data, self._steps, self._engine, self._workers = data, steps, engine, workers
        self._final: dict[str, float] | None = None  # of the selection, after the last step

    def after_epoch(self, step: int, between: Between) -> dict[str, float]:
        """Return what the recipe wants to know after every epoch, of the images that epochs are measured on.

        Args:
            step: number of updates made.
            between: called between batches.
        """
        last, wanted, objective = step == self._steps.total_steps, self._steps.epoch_metrics, self._steps.objective
        # At the run's end everything is measured, and kept for its result: the history's lines are all alike.
        metrics = self._measure(self._data.selection, self._every_metric if last else wanted, between)
        self._final = metrics if last else None
        shown = (*objective.metrics, *objective.matrix_metrics, *(metric.name for metric in wanted))
        return {name: value for name, value in metrics.items() if name in shown}

    def selection(self) -> dict[str, float]:
        """Return every metric of the images that epochs are measured on, after the last step."""
        if self._final is None:
            self._final = self._measure(self._data.selection, self._every_metric)
        return self._final

    def test(self, between: Between) -> dict[str, float]:
        """Return every metric of the test images."""
        return self._measure(self._data.test, self._every_metric, between)

    @property
    def _every_metric(self) -> Collection[Metric]:
        """The metrics that a result has, those too that need all outputs at once."""
        named = self._steps.epoch_metrics
        others = {*self._steps.objective.output_metrics} - {metric.name for metric in named}
        return (*named, *map(metric_named, sorted(others)))

    def _measure(self, split: Split, wanted: Collection[Metric], between: Between = lambda: None) -> dict[str, float]:
        steps, batch_size = self._steps, self._steps.batch_size
        return measure_split(
            self._engine, split, steps.objective, batch_size, wanted=wanted, workers=self._workers, between=between
        ).metrics


__all__ = ["SplitMetrics"]
