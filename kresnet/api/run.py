"""A run as Python sees it: how it went, what it learned, and what can be done with that."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network
from kresnet.api.progress import run_output
from kresnet.api.resume import continue_run
from kresnet.api.table import Table
from kresnet.data.description import SPLITS
from kresnet.errors import make_error, shell_word
from kresnet.files import AnyPath
from kresnet.runs.run_directory import RunDirectory
from kresnet.runs.run_status import RunStatus, run_status, run_statuses
from kresnet.runs.trained_model import trained_model_of_run
from kresnet.spec.overrides import Overrides
from kresnet.spec.recipe import Recipe
from kresnet.terminal import log

if TYPE_CHECKING:
    import keras
    import numpy as np
    from matplotlib.figure import Figure

    from kresnet.evaluation.views import Tta
    from kresnet.export.edge.file_export import FileExportResult
    from kresnet.export.saved_model import ExportResult
    from kresnet.runs.calibration import Calibration
    from kresnet.training.loop.callbacks import OneOrMoreCallbacks

    #: An image file, or pixels: uint8 `(h, w)`, `(h, w, 1)` or `(h, w, 3)`, of any size.
    Image = AnyPath | np.ndarray


class Run:
    """A training run and what it left behind; `kresnet.fit` makes one, `kresnet.open_run` finds one again.

    All is read from the run's directory when it is asked for, so that a run can be watched while another process
    trains it.

    Attributes:
        directory: the files of the run on disk.
    """

    def __init__(self, directory: RunDirectory, result: dict[str, Any] | None = None) -> None:
        """`result`: where this process has seen the end of a run whose directory is on another machine."""
        self.directory, self._result = directory, result

    @property
    def path(self) -> Path:
        """Path of the run's directory."""
        return self.directory.path

    @cached_property
    def network(self) -> Network:
        """The network that is trained."""
        return Network(self.directory.resolved.loaded_spec, self.directory.resolved.plan)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe that the run follows, every default written out."""
        return self.directory.resolved.recipe

    @property
    def status(self) -> RunStatus:
        """State (`running`, `finished`, `stopped` or `broken`), reason, steps so far and in all, best epoch."""
        return run_status(self.path, self.path.name)

    @property
    def history(self) -> Table:
        """Table of the epochs so far: `epoch`, `step`, metrics of each split, `learning_rate`, `seconds`...

        The splits are `train` and `validation`; or `train` and `test`, of a run without images to validate on.
        `run.history.column("test.accuracy")` is one column of it.
        """
        lines = self.directory.history.epochs()
        metrics = [f"{split}.{name}" for split in SPLITS for line in lines for name in line.get(split, {})]
        return Table(lines, ("epoch", "step", *dict.fromkeys(metrics), "learning_rate", "images_per_second"))

    @property
    def result(self) -> dict[str, Any] | None:
        """Result of a finished run: metrics of each split, `seconds`, `peak_memory`...; None while it has not ended."""
        return self._result or self.directory.read_result()

    def plot(self) -> Figure:
        """Plot loss and the other metrics against epochs, on training (dashed) and on validation or test images.

        Returns:
            A matplotlib figure, made without `pyplot`, which a notebook shows and `savefig` writes.

        Raises:
            KresnetError: `run_missing` if no epoch has ended yet.
        """
        if not (history := self.history):
            raise make_error("run_missing", f"{self.path} has no history yet: no epoch has ended.")
        from kresnet.report.history_figure import draw_history

        return draw_history(history, f"{self.network.name} by {self.recipe.name}")

    def model(self, *, best: bool = False) -> keras.Model:
        """Return the trained network, float32, as `Network.build` does.

        Args:
            best: that of the best epoch, which a recipe with `checkpoints.keep_best` keeps, rather than of the last.

        Raises:
            KresnetError: `run_missing` before the run's end, or where no best network was kept.
        """
        from kresnet.runtime import import_tensorflow

        path = self.directory.require_best_model() if best else self.directory.require_model().model
        import_tensorflow()
        from kresnet.weights.convert import load_model

        return load_model(path, self.network.plan())

    def evaluate(
        self,
        *,
        best: bool = False,
        overrides: Overrides = (),
        data: str | None = None,
        split: str | None = None,
        tta: Tta | None = None,
        corrupt: str | None = None,
    ) -> dict[str, Any]:
        """Measure the trained network on the run's test images, or on others, in float32; see `kresnet.evaluate`.

        Args:
            best: measure the network of the best epoch rather than that of the last.
            overrides: settings of `recipe.data`, where the data lie elsewhere now, or to measure it on others of the
                same classes: `{"recipe.data.path": "FOLDER"}`.
            data: other data to measure it on, `folder:PATH`, `table:FILE`, `tfds:NAME` or `arrays:FILE`.
            split: which split; `test` by default.
            tta: test-time augmentation, `flip` or `five_crop`.
            corrupt: common corruptions to measure it on as well, such as `all` or `noise,fog:3`.

        Returns:
            As `kresnet.evaluate`.

        Raises:
            KresnetError: as `kresnet.evaluate`.
        """
        from kresnet.api.evaluation import evaluate

        return evaluate(self, best=best, overrides=overrides, data=data, split=split, tta=tta, corrupt=corrupt)

    def calibrate(
        self, *, best: bool = False, overrides: Overrides = (), data: str | None = None, split: str | None = None
    ) -> Calibration:
        """Fit the temperature of the run's network, and keep it with the run; see `kresnet.calibrate`."""
        from kresnet.api.evaluation import calibrate

        return calibrate(self, best=best, overrides=overrides, data=data, split=split)

    def predict(self, images: Image | Iterable[Image], *, best: bool = False) -> list[dict[str, Any]]:
        """Classify images, each brought to the network's size as evaluation does.

        Args:
            images: paths of image files, arrays of pixels, or a batch of pixels, uint8 `(N, h, w, C)`; one or many.
            best: ask the network of the best epoch rather than that of the last.

        Returns:
            A mapping an image: `image` (its path, or its number), `class_id`, `label`, `probability`, and
            `probabilities` by class name.

        Raises:
            KresnetError: `run_missing` before the run's end; `file_missing`, `image_unreadable` or `data_mismatch`, of
                all such images at once; `bad_option` for no images; `contradiction` if this is no classifier of images.
        """
        origin = trained_model_of_run(self.directory, best=best)
        several = as_image_list(images)
        if not several:
            raise make_error(
                "bad_option", "Name the images to classify.", remedy=f"kresnet predict {shell_word(self.path)} IMAGE..."
            )
        if best not in self._models:
            self._models[best] = self.model(best=best)
        from kresnet.evaluation.predict import predict
        from kresnet.evaluation.predictor import KerasPredictor

        for note in origin.notes():
            log(note)
        return predict(KerasPredictor(origin, self._models[best]), several)

    @cached_property
    def _models(self) -> dict[bool, keras.Model]:
        """The networks of the last and of the best epoch, for one prediction after the other."""
        return {}

    def export(self, output: AnyPath, **options: Any) -> ExportResult | FileExportResult:
        """Write the trained network for a server; `kresnet.export_model` says what the options are."""
        from kresnet.api.export import export_model

        return export_model(self, output, **options)

    def resume(
        self,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        examples: int | None = None,
        allow_changed: bool = False,
        callbacks: OneOrMoreCallbacks = (),
        progress: bool = True,
    ) -> Run:
        """Go on from the newest state that was saved; see `kresnet.resume`."""
        lengths = {"epochs": epochs, "steps": steps, "examples": examples}
        return resume(self, **lengths, allow_changed=allow_changed, callbacks=callbacks, progress=progress)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"<Run {self._line()}>"

    def _repr_html_(self) -> str:
        return f"<div><p><strong>{escape(self._line())}</strong></p>{self.history._repr_html_()}</div>"

    def _line(self) -> str:
        now = self.status
        reason = f" ({now.reason})" if now.reason else ""
        steps = f", {now.step:,} of {now.steps:,} steps" if now.steps else ""
        metric = f"{now.split} {now.metric.replace('_', ' ')}"
        best = f", best {metric} {now.best:.4f} in epoch {now.best_epoch}" if now.best_epoch else ""
        return f"{self.path}: {now.state}{reason}{steps}{best}"


def as_image_list(images: Any) -> list[Any]:
    """Return images as a list: paths as they are, all else as arrays."""
    import numpy as np

    if isinstance(images, str | os.PathLike):
        return [images]
    if hasattr(images, "__array__") or hasattr(images, "__array_interface__"):  # of NumPy, TensorFlow or Pillow
        array = np.asarray(images)
        return list(array) if array.ndim > 3 else [array]
    several = images if isinstance(images, Iterable) else [images]
    return [each if isinstance(each, str | os.PathLike) else np.asarray(each) for each in several]


def open_run(path: AnyPath) -> Run:
    """Open the run that was begun in a directory, finished or not.

    Raises:
        KresnetError: `run_missing`.
    """
    return Run(RunDirectory.open(Path(path)))


def resume(
    run: Run | AnyPath,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    examples: int | None = None,
    allow_changed: bool = False,
    callbacks: OneOrMoreCallbacks = (),
    pause_after: int | None = None,
    progress: bool = True,
) -> Run:
    """Continue a run from the newest state that was saved; one that has finished is left as it is.

    With `epochs`, `steps` or `examples`, one of the three, the run is trained on to that length, finished or not.

    Args:
        run: the run, or its directory.
        epochs: length to train to, counted from the run's first step; the recipe's own by default.
        steps: the same in steps.
        examples: the same in training images.
        allow_changed: go on although something changed that changes the result.
        callbacks: as for `kresnet.fit`; those with a state take up the one that was saved.
        pause_after: number of epochs, from the run's first on, after which to stop as an interrupt would stop it.
        progress: as for `kresnet.fit`.

    Raises:
        KresnetError: `run_missing`, `run_changed`, `checkpoint_invalid`, `bad_option`, and what `kresnet.fit` raises.
        KeyboardInterrupt: as `kresnet.fit`.
    """
    directory = RunDirectory(Path(run))
    lengths = {"epochs": epochs, "steps": steps, "examples": examples}
    result = continue_run(directory, run_output(progress), callbacks, lengths, allow_changed, pause_after)
    return Run(directory, result)


def list_runs(folder: AnyPath = "runs") -> Table:
    """List the runs in a folder, or the one that it is itself: state, progress, best epoch; `path` is for `open_run`.

    Raises:
        KresnetError: `file_missing` if there is no such folder.
    """
    shown = ("name", "state", "reason", "step", "steps", "split", "metric", "best", "best_epoch")
    return Table((status.as_dict() for status in run_statuses(Path(folder))), shown)
