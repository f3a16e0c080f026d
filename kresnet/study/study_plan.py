"""What a study will train: its variants and seeds, each with its network, its recipe and what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.resolved_recipe import ABOUT
from kresnet.plan.summary import with_unit_prefix
from kresnet.plan.unused_settings import ABOUT as ABOUT_SPEC
from kresnet.runs.resolved_run import ResolvedRun, recipe_of, resolve_run
from kresnet.runs.run_directory import RunDirectory
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, load_spec
from kresnet.spec.overrides import Override, Overrides, list_overrides, parse_override, split_overrides
from kresnet.spec.recipe import Data, Fold, Recipe
from kresnet.spec.study import Design, Study, Variant
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
        lines = run.epoch_lines()
        return bool(lines) and lines[-1]["epoch"] >= self.pause_after


@dataclass(frozen=True)
class StudyPlan:
    """All variants, seeds and runs of a study.

    Attributes:
        study: the document.
        form: the size in which it is run; None where it has but one.
        design: what that comes to.
        variants: in the document's order.
        seeds: with which each is trained.
    """

    study: Study
    form: str | None
    design: Design
    variants: tuple[PlannedVariant, ...]
    seeds: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.study.name}-{self.form}" if self.form else self.study.name

    def __repr__(self) -> str:
        return f"<StudyPlan {self.name}: {len(self.variants)} variants, {len(self.seeds)} seeds>"

    def __str__(self) -> str:
        """Return the table of variants as text."""
        from kresnet.plan.tables import text_table

        return text_table(*self.table_cells())

    def _repr_html_(self) -> str:
        from kresnet.plan.tables import html_table

        return html_table(*self.table_cells())

    def table_cells(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Return the headers of the table of variants, its rows, and the headers of the columns that hold numbers."""
        heads, figures = ["variant", "network", "recipe"], ["layers", "parameters", "MACs", "images"]
        return [*heads, *figures], [each.table_row() for each in self.variants], figures

    def runs(self) -> list[PlannedRun]:
        """Return all runs, seed by seed and fold by fold, so that an interrupted study has whole comparisons.

        Costly runs come first.
        """
        dearest = sorted(self.variants, key=lambda variant: -variant.cost)
        folds = _folds(self.design)
        return [PlannedRun(variant, seed, fold) for seed in self.seeds for fold in folds for variant in dearest]

    def as_dict(self) -> dict[str, Any]:
        return {
            "study": self.study.name,
            "form": self.form,
            "question": self.study.question,
            "source": self.study.source,
            "limits": self.design.limits,
            "seeds": list(self.seeds),
            **({"folds": self.design.folds} if self.design.folds else {}),
            "variants": [variant.as_dict() for variant in self.variants],
            "runs": [run.identity | {"folder": str(run.folder)} for run in self.runs()],
        }


def plan_study(
    loaded: LoadedDocument[Study],
    form: str | None = None,
    overrides: Overrides = (),
    seeds: Sequence[int] = (),
    *,
    count_images: Callable[[Data], int | None] = training_image_count,
) -> StudyPlan:
    """Plan a study: resolve its variants, and check each before anything is trained.

    Args:
        loaded: the study.
        form: one of its forms; the first by default.
        overrides: for every variant, last of all.
        seeds: instead of the study's.
        count_images: function from a recipe's data to the number of training images, None where it cannot be told.

    Raises:
        KresnetError: `bad_option` for a form that it has not, or seeds that are none; `contradiction`, and what loading
            specs and recipes and planning networks raises; the problems of all variants at once.
    """
    study = loaded.value
    _require_seeds(seeds)
    index = _form_index(study, form)
    design = study.design(index)
    chosen = study.forms[index].name if study.forms else None
    last = [parse_override(each) if isinstance(each, str) else each for each in list_overrides(overrides)]
    variants: list[PlannedVariant] = []
    problems: dict[tuple[str, str, str], Problem] = {}
    for variant, settings in _variants_with_settings(loaded, design, index):
        try:
            _require_free(settings := [*settings, *last], design)
            beside = loaded.path.parent if loaded.path else None
            variants.append(plan_variant(variant, settings, beside, _folds(design)[0], count_images=count_images))
        except KresnetError as error:
            for problem in error.problems:
                message = f"Variant {variant.name}: {problem.message}"
                problems.setdefault((problem.code, str(problem.place), problem.path), replace(problem, message=message))
    if problems:
        raise KresnetError(problems.values())
    _require_different(variants)
    return StudyPlan(study, chosen, design, tuple(variants), tuple(seeds) or design.seeds)


def _form_index(study: Study, form: str | None) -> int:
    names = [each.name for each in study.forms]
    if form is None:
        return 0
    if form not in names:
        message = f"The study {study.name} has no form `{form}`."
        expected = "one of " + ", ".join(names) if names else "no --form"
        raise make_error("bad_option", message, expected=expected, nearest=nearest(form, names))
    return names.index(form)


def _variants_with_settings(
    loaded: LoadedDocument[Study], design: Design, form: int
) -> Iterator[tuple[Variant, list[Override]]]:
    """Each variant with its network and recipe filled in, and the settings that it changes, in their order."""

    def written(*path: str | int) -> Callable[[str, Any], Override]:
        """Return a function that makes overrides, placed where the document has that path, in the form or above."""
        places = loaded.source.places

        def override(setting: str, value: Any) -> Override:
            own = ("forms", form, *path)
            whole = next((at for at in ((*own, setting), own) if at in places), (*path, setting))
            return Override(setting, value, loaded.source.place(whole))

        return override

    common = [written("set")(path, value) for path, value in design.set.items()]
    for name, index, cell in design.combinations():
        own = design.variants[index] if index is not None else Variant(name=name)
        settings = [
            *common,
            *(written("variants", index or 0, "set")(path, value) for path, value in own.set.items()),
            *(
                written("grid", axis, "values")(design.grid[axis].path, design.grid[axis].values[at])
                for axis, at in enumerate(cell)
            ),
        ]
        yield Variant(name=name, spec=own.spec or design.spec, recipe=own.recipe or design.recipe), settings


def _require_different(variants: Sequence[PlannedVariant]) -> None:
    """Make sure that no two variants are the same network under the same recipe, as an override can make them."""
    seen: dict[str, str] = {}
    for each in variants:
        spec = {key: value for key, value in each.spec.document().items() if key not in ABOUT_SPEC}
        recipe = {key: value for key, value in each.recipe.document().items() if key not in ABOUT}
        first = seen.setdefault(json.dumps([spec, recipe]), each.name)
        if first != each.name:
            message = f"{first} and {each.name} are the same network under the same recipe."
            raise make_error(
                "contradiction", message, remedy="leave one out; or take back the --set that makes them alike"
            )


def _require_seeds(seeds: Sequence[int]) -> None:
    if not all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in seeds) or len({*seeds}) < len(seeds):
        expected = "different whole numbers, from 0 on, with commas between"
        found = ",".join(map(str, seeds))
        raise make_error("bad_option", "--seeds takes numbers.", expected=expected, found=found, remedy="--seeds 0,1")


def _folds(design: Design) -> list[Fold | None]:
    """Return the folds of a study; of one without, a single None."""
    count = design.folds
    return [Fold(fold=number, folds=count) for number in range(1, count + 1)] if count else [None]


def _require_free(settings: Sequence[Override], design: Design) -> None:
    """Make sure that no setting is one that the study itself decides: the seed, and with `folds` the validation."""
    for setting in settings:
        if setting.path == "recipe.seed":
            message = "A study states its seeds in `seeds`."
            raise make_error("contradiction", message, path=setting.path, place=setting.place, remedy="seeds: [0, 1]")
        if setting.path.startswith("recipe.data.fold"):
            message = "A study states its folds in `folds`, and takes each in turn."
            raise make_error("contradiction", message, path=setting.path, place=setting.place, remedy="folds: 5")


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
