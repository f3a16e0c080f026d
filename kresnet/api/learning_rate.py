"""Find a learning rate: the range test of a network and its recipe, or of a run where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network, resolve
from kresnet.api.pretrained import pull_named
from kresnet.api.process_state import training_scope
from kresnet.api.progress import run_output
from kresnet.api.run import Run
from kresnet.api.training import named_start, starting_from
from kresnet.errors import make_error
from kresnet.files import AnyPath
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore
from kresnet.runs.resolved_run import ResolvedRun
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kresnet.training.range_test import RangeTest


class LearningRateTest:
    """A learning-rate range test: loss against rate, and the rate that it suggests.

    Attributes:
        test: what was measured, and under which conditions.
    """

    def __init__(self, test: RangeTest) -> None:
        self.test = test

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning rate of each step taken, rising by equal factors."""
        return self.test.rates

    @property
    def losses(self) -> tuple[float, ...]:
        """Training loss of each step, before its update; nan for a last one that was not finite."""
        return self.test.losses

    @property
    def smoothed(self) -> tuple[float, ...]:
        """Exponential mean of the losses up to each step."""
        return self.test.smoothed

    @property
    def suggestion(self) -> float | None:
        """Suggested peak learning rate, for the recipe's batch size; None where the test suggests none."""
        return self.test.suggestion

    @property
    def setting(self) -> str:
        """The suggestion as an override of the recipe, `recipe.optimizer.learning_rate=0.05`; empty without one."""
        return self.test.setting

    @property
    def reason(self) -> str:
        """Why this rate is suggested, or why none and what to do, in words."""
        return self.test.reason

    def as_dict(self) -> dict[str, Any]:
        """Return the test as JSON-ready values."""
        return self.test.as_dict()

    def plot(self) -> Figure:
        """Plot loss against learning rate."""
        from kresnet.report.range_test_figure import draw_range_test

        return draw_range_test(self.test)

    def save(self, directory: AnyPath) -> None:
        """Write `learning_rate.json` and figures, `learning_rate.png` and `learning_rate.svg`, into a new directory.

        Raises:
            KresnetError: `output_exists`, `not_writable`, `disk_full`.
        """
        from kresnet.files import refuse_existing, staged_directory, write_json
        from kresnet.report.charts import save_figure

        refuse_existing(Path(directory))
        with staged_directory(Path(directory)) as staged:
            write_json(staged / "learning_rate.json", self.as_dict())
            save_figure(self.plot(), staged / "learning_rate")

    def __repr__(self) -> str:
        return f"<LearningRateTest of {self.test.spec}: {self.setting or 'no suggestion'}>"


def find_learning_rate(
    network: Reference | Network | Run | None = None,
    recipe: Reference | None = None,
    *,
    overrides: Overrides = (),
    init: AnyPath | None = None,
    freeze: Sequence[str] = (),
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
    accept_licence: bool = False,
    force: bool = False,
    progress: bool = True,
) -> LearningRateTest:
    """Sweep the learning rate over some steps of training, and suggest one (Smith 2017, arXiv:1506.01186).

    The steps are those of the run: its data, augmentation, precision, optimizer and devices; only the schedule is
    replaced by rates that rise from step to step by equal factors. Nothing is written, and a run is left as it is, its
    directory and this process's random numbers included.

    Args:
        network: a network, or what `kresnet.load` takes; by default that of the weights to start from. Or a run, which
            is tested where its newest checkpoint stands, under its own recipe.
        recipe: a recipe, or what `kresnet.recipe` takes; the spec's own by default.
        overrides: settings to change, as for `kresnet.fit`.
        init: weights to start from, as for `kresnet.fit`.
        freeze: parts of `init` to hold as they are.
        lowest: learning rate of the first step; rates and steps are by default those of fastai's `lr_find`.
        highest: learning rate of the last step. The sweep ends earlier where the loss exceeds four times its least.
        steps: number of steps, at least 10. Those that go beyond the training images begin a next epoch.
        accept_licence: accept a licence of `init` that forbids commercial use.
        force: go on where the estimate of memory says stop.
        progress: tell on standard error what the user should know.

    Raises:
        KresnetError: whatever `kresnet.fit` would refuse to begin with; `bad_option` for a run of several workers;
            `diverged` where the first step is not finite already.
    """
    from kresnet.distributed.cluster import cluster_for_recipe
    from kresnet.runtime import import_tensorflow

    if not 0.0 < lowest < highest < float("inf") or steps < 10:
        message = "A sweep takes 10 steps or more, from a positive learning rate up to a higher one."
        raise make_error("bad_option", message, found=f"{steps} steps from {lowest:g} to {highest:g}")
    checkpoint: Checkpoint | None = None
    if isinstance(network, Run):
        if recipe is not None or overrides or init is not None or freeze:
            message = f"{network.path} is tested as it is, without another recipe, overrides, init or freeze."
            raise make_error("bad_option", message, remedy="leave them out")
        run = network.directory.resolved
        checkpoint, _ = CheckpointStore(network.directory.checkpoints, 1).latest()
        initial = network.directory.initial_model
        _refuse_workers(run, cluster_for_recipe(run.recipe))
    else:
        network, init, pulled = named_start(network, recipe, overrides, init, accept_licence, force, progress)
        run = resolve(network, recipe, overrides)
        _refuse_workers(run, cluster_for_recipe(run.recipe))
        init = run.recipe.init if init is None else init
        if init is not None and pulled is None:
            pulled = pull_named(init, network, accept_licence, force=force, progress=progress)
        run = starting_from(run, init, pulled, freeze)
        initial = Path(run.transfer.init) if run.transfer else Path()
    import_tensorflow()
    from kresnet.training.opening import require_training_memory
    from kresnet.training.range_test import find_learning_rate as sweep

    if not force:
        require_training_memory(run.plan, run.recipe)
    with training_scope(run):
        return LearningRateTest(
            sweep(run, run_output(progress).log, lowest=lowest, highest=highest, steps=steps,
                  initial=initial, checkpoint=checkpoint)
        )  # fmt: skip


def _refuse_workers(run: ResolvedRun, cluster: object | None) -> None:
    if cluster is not None:
        message = "--find-lr trains in one process, and this recipe is for several workers."
        raise make_error("bad_option", message, remedy="--set recipe.distribution=one_device")


__all__ = ["LearningRateTest", "find_learning_rate"]
