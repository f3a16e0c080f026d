"""What a study will train: the variants, seeds and runs that its document comes to, checked before anything starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.plan.resolved_recipe import ABOUT
from kresnet.plan.unused_settings import ABOUT as ABOUT_SPEC
from kresnet.spec.loading import LoadedDocument
from kresnet.spec.overrides import Override, Overrides, list_overrides, parse_override
from kresnet.spec.recipe import Data, Fold
from kresnet.spec.study import Design, Study, Variant
from kresnet.study.dataset_sizes import training_image_count
from kresnet.study.planned_runs import PlannedRun, PlannedVariant, plan_variant


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
