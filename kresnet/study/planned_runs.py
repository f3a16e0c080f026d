"""Networks with the recipes that train them, and the runs of each: what a study or a search trains, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kresnet.errors import make_error
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.summary import with_unit_prefix
from kresnet.runs.resolved_run import ResolvedRun, recipe_of, resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import load_spec
from kresnet.spec.overrides import Override, split_overrides
from kresnet.spec.recipe import Data, Fold, Recipe
from kresnet.spec.study import Variant
from kresnet.study.dataset_sizes import training_image_count


@dataclass(frozen=True)
class PlannedVariant:
    """A network that is compared, and the recipe that trains it.

    Attributes:
        name: of the variant.
        run: what it trains, and how, but for the seed; its recipe is in steps where the data tell their size.
        arguments: of `kresnet fit`, to the same effect.
    """

    name: str
    run: ResolvedRun
    arguments: tuple[str, ...]

    @property
    def spec(self) -> Spec:
        """The spec of the network."""
        return self.run.spec

    @property
    def recipe(self) -> Recipe:
        """The recipe, but for the seed."""
        return self.run.recipe

    @property
    def plan(self) -> Plan:
        """The network, layer by layer."""
        return self.run.plan

    @property
    def images(self) -> int | None:
        """Training images of a run, each counted as often as it is seen; None where the data do not tell beforehand."""
        steps = self.run.resolved_recipe
        return steps.total_steps * steps.batch_size if steps else None

    @property
    def cost(self) -> int:
        """Multiply-accumulates of the forward passes of a run; in epochs, where the images are not known."""
        return self.plan.macs * (self.images or self.recipe.epochs or 1)

    def table_row(self) -> list[str]:
        """Return the variant's row of the table of variants."""
        numbers = (str(self.plan.weighted_layers), f"{self.plan.trainable:,}", with_unit_prefix(self.plan.macs))
        images = "" if self.images is None else f"{self.images:,}"
        return [self.name, self.spec.name, self.recipe.name, *numbers, images]

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "spec": self.spec.name,
            "recipe": self.recipe.name,
            "weighted_layers": self.plan.weighted_layers,
            "parameters": self.plan.trainable,
            "macs": self.plan.macs,
            "images": self.images,
        }


@dataclass(frozen=True)
class PlannedRun:
    """One run of the study: a variant, trained with one seed, and on all folds of the data but one, if there are any.

    Attributes:
        variant: the variant.
        seed: the seed.
        fold: which part of the training images it is validated on; None in a study without folds.
        pause_after: number of epochs after which it pauses, and is done for now; None for the run's end.
    """

    variant: PlannedVariant
    seed: int
    fold: Fold | None = None
    pause_after: int | None = None

    @property
    def name(self) -> str:
        return f"{self.variant.name} seed {self.seed}" + (f" fold {self.fold.fold}" if self.fold else "")

    @property
    def folder(self) -> Path:
        """Path of its run directory, relative to the directory of the study."""
        folder = Path("runs") / self.variant.name / f"seed-{self.seed}"
        return folder / f"fold-{self.fold.fold}" if self.fold else folder

    @property
    def log_name(self) -> str:
        """Name of its log file."""
        fold = f"-fold-{self.fold.fold}" if self.fold else ""
        return f"{self.variant.name}-seed-{self.seed}{fold}.log"

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from other runs, as results and the journal have it: `variant`, `seed` and, if any, `fold`."""
        identity = {"variant": self.variant.name, "seed": self.seed}
        return identity | ({"fold": self.fold.fold} if self.fold else {})

    @property
    def recipe(self) -> Recipe:
        """The recipe with this run's seed and fold."""
        recipe = self.variant.recipe
        data = recipe.data.model_copy(update={"fold": self.fold}) if self.fold else recipe.data
        return recipe.model_copy(update={"seed": self.seed, "data": data})

    @property
    def run(self) -> ResolvedRun:
        """What is trained, with this run's seed and fold."""
        loaded = replace(self.variant.run.loaded_recipe, value=self.recipe)
        return replace(self.variant.run, loaded_recipe=loaded)

    def arguments(self, directory: Path) -> list[str]:
        """Return the arguments of `kresnet fit` that train this run into `directory`."""
        own = ["--set", f"recipe.seed={self.seed}"]
        if self.fold:
            own += ["--set", f"recipe.data.fold={{fold: {self.fold.fold}, folds: {self.fold.folds}}}"]
        return [*self.variant.arguments, *own, "-o", str(directory)]

    def pause_arguments(self) -> list[str]:
        """Return the arguments of `kresnet fit`, new or resumed, that have the run pause where it shall."""
        return [] if self.pause_after is None else ["--pause-after", str(self.pause_after)]

    def is_done(self, directory: Path) -> bool:
        """Return whether the run in `directory` has come to its end, or to where it pauses."""
        run = RunDirectory(directory)
        if run.finished or self.pause_after is None:
            return run.finished
        lines = run.history.epochs()
        return bool(lines) and lines[-1]["epoch"] >= self.pause_after


def plan_variant(
    variant: Variant,
    settings: Sequence[Override],
    beside: Path | None,
    fold: Fold | None = None,
    *,
    count_images: Callable[[Data], int | None] = training_image_count,
) -> PlannedVariant:
    """Plan a network with the recipe that trains it, and check both.

    Args:
        variant: names of its spec and its recipe.
        settings: changes of both, in turn; the variant's own are among them.
        beside: folder in which its documents are looked for.
        fold: one of the folds that it is validated on, if there are any.
        count_images: function from a recipe's data to the number of training images, None where it cannot be told.

    Raises:
        KresnetError: what loading specs and recipes and planning networks raises; `missing_field` without a recipe.
    """
    of_spec, of_recipe = split_overrides(settings)
    if fold is not None:
        of_recipe = [*of_recipe, f"data.fold={{fold: {fold.fold}, folds: {fold.folds}}}"]
    assert variant.spec  # the study was validated
    loaded = load_spec(variant.spec, of_spec, base_folder=beside)
    plan = plan_loaded(loaded)
    recipe = recipe_of(loaded, variant.recipe, of_recipe, beside=beside)
    if recipe is None:
        raise make_error(
            "missing_field", f"Neither it nor its network {loaded.value.name} names a recipe.", path="recipe"
        )
    run = resolve_run(loaded, recipe, plan=plan)
    if run.recipe.batch_size == "auto":
        message = "Runs that are compared take the same batches on any machine, and `auto` is what fits on this one."
        raise run.locate(make_error("contradiction", message, path="recipe.batch_size", remedy="batch_size: 128"))
    if (images := count_images(run.recipe.data)) is not None:
        run = run.with_training_images(images)
    arguments = [_document_reference(variant.spec, loaded.path)]
    if variant.recipe:
        arguments += ["--recipe", _document_reference(variant.recipe, recipe.path)]
    for setting in settings:
        arguments += ["--set", str(setting)]
    return PlannedVariant(variant.name, run, tuple(arguments))


def _document_reference(reference: str, path: Path | None) -> str:
    """Return how another process names a document: as the study does if it is a shipped one, else by its path."""
    return reference if path is None or path.stem == reference else str(path.resolve())
