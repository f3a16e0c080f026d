"""What a search is, checked before anything starts: its axes, its bounds, and a candidate that meets them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kresnet.errors import KresnetError, Problem, make_error
from kresnet.plan import Plan, plan_loaded
from kresnet.plan.objective import Objective, epoch_metrics, resolve_objective
from kresnet.runs.resolved_run import recipe_of
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, load_spec
from kresnet.spec.overrides import Override, Overrides, list_overrides, parse_override, split_overrides
from kresnet.spec.recipe import Recipe
from kresnet.spec.recipe.metrics import Metric
from kresnet.spec.recipe.schedules import WarmUp
from kresnet.spec.search import COSTS, Search
from kresnet.spec.study import Variant
from kresnet.study.planned_runs import PlannedRun, PlannedVariant, plan_variant
from kresnet.study.search.axes import SearchAxes, Values
from kresnet.study.search.judge import CandidateJudge, Tally

#: Candidates that are drawn to tell how many are within the bounds.
_SAMPLE = 2048


@dataclass(frozen=True)
class PlannedTrial(PlannedRun):
    """A trial of a search, which is an ordinary run.

    Attributes:
        number: of the trial, from 0.
    """

    number: int = 0

    @property
    def name(self) -> str:
        return f"trial {self.number}"

    @property
    def folder(self) -> Path:
        return trial_folder(self.number)

    @property
    def log_name(self) -> str:
        return f"trial-{self.number:04}.log"

    @property
    def identity(self) -> dict[str, Any]:
        return {"trial": self.number}


@dataclass(frozen=True)
class SearchPlan:
    """A search, checked.

    Attributes:
        loaded: the document.
        settings: what all candidates share, those of `--set` last.
        spec, recipe: the documents that are varied, with those settings.
        axes: what varies.
    """

    loaded: LoadedDocument[Search]
    settings: tuple[Override, ...]
    spec: LoadedDocument[Spec]
    recipe: LoadedDocument[Recipe]
    axes: SearchAxes

    @property
    def search(self) -> Search:
        """The document's values."""
        return self.loaded.value

    @property
    def name(self) -> str:
        """Name of the search."""
        return self.search.name

    @property
    def generations(self) -> int:
        """Number of generations; the last may be smaller."""
        return -(-self.search.trials // self.search.generation)

    def numbers(self, generation: int) -> range:
        """Return the numbers of the trials of a generation."""
        first = generation * self.search.generation
        return range(first, min(first + self.search.generation, self.search.trials))

    @cached_property
    def rungs(self) -> tuple[int | None, ...]:
        """The numbers of epochs after which trials are compared; None for the run's end."""
        halving, epochs = self.search.halving, self.recipe.value.epochs
        if halving is None or epochs is None:
            return (None,)
        stops, stop = [], halving.first_epochs
        while stop * halving.factor <= epochs:
            stops.append(stop)
            stop *= halving.factor
        return (*stops, None)

    @property
    def warmup_epochs(self) -> float:
        """Number of epochs until the learning rate of the recipe, where it says that in epochs, has risen."""
        schedule = self.recipe.value.schedule
        return (schedule.warmup_epochs or 0.0) if isinstance(schedule, WarmUp) else 0.0

    @property
    def halves_in_warmup(self) -> bool:
        """Whether trials are compared before the learning rate has risen, which leaves those of low rates."""
        return self.rungs[0] is not None and self.rungs[0] <= self.warmup_epochs

    @property
    def metric(self) -> str:
        """Name of the metric of the images to validate on by which trials are judged."""
        return self.search.metric.name

    def trial(self, number: int, values: Values) -> PlannedTrial:
        """Return the trial of a candidate, planned.

        Raises:
            KresnetError: what is wrong with the candidate.
        """
        return PlannedTrial(self.variant(number, values), self.recipe.value.seed, number=number)

    def variant(self, number: int, values: Values) -> PlannedVariant:
        """Return a candidate, planned and checked in full.

        Raises:
            KresnetError: what is wrong with it, such as a setting without effect.
        """
        settings = self.axes.settings(values)
        assert settings is not None  # the judge has seen it
        place = self.loaded.source.place(("space",))
        own = [Override(path, value, place) for path, value in settings.items()]
        variant = Variant(name=f"trial{number}", spec=self.search.spec, recipe=self.search.recipe)
        beside = self.loaded.path.parent if self.loaded.path else None
        return plan_variant(variant, [*self.settings, *own], beside)

    def sample(self, count: int = _SAMPLE) -> Tally:
        """Draw candidates and judge them, which tells how many are within the bounds, and how fast that is told.

        Raises:
            KresnetError: `budget_unmet` if none is, with the nearest.
        """
        judge, drawn = CandidateJudge(self.search, self.axes), 0
        random = np.random.default_rng([self.search.seed, 2**31])
        while drawn < self.search.attempts:
            found = list(judge.accepted(self.axes.draw(random, count)))
            drawn += count
            if found:
                return judge.tally
        raise self.loaded.locate_error(judge.unmet_error(drawn))

    def as_dict(self) -> dict[str, Any]:
        """Return the search as JSON-ready values."""
        search = self.search
        return {
            "search": search.name,
            "question": search.question,
            "source": search.source,
            "limits": search.limits,
            "spec": self.spec.value.name,
            "recipe": self.recipe.value.name,
            "objectives": [str(each) for each in search.objectives],
            "constraints": search.constraints.model_dump(mode="json", exclude_none=True),
            "sampler": search.sampler.document(),
            "halving": search.halving.document() if search.halving else None,
            "trials": search.trials,
            "generation": search.generation,
            "rungs": [rung for rung in self.rungs if rung is not None],
            "epochs": self.recipe.value.epochs,
            "seed": search.seed,
            "axes": {axis.name: axis.dimension.model_dump(mode="json", exclude_unset=True) for axis in self.axes.axes},
            "candidates": None if math.isinf(self.axes.size()) else int(self.axes.size()),
        }


def plan_search(loaded: LoadedDocument[Search], overrides: Overrides = (), seed: int | None = None) -> SearchPlan:
    """Check a search: its documents, its axes, and that something can be within its bounds.

    Args:
        loaded: the search.
        overrides: settings for all candidates, last of all.
        seed: of the proposals, instead of the search's.

    Raises:
        KresnetError: all problems of the document at once; `budget_unmet` if nothing that was drawn is within the
            bounds, with the nearest.
    """
    if seed is not None:
        loaded = replace(loaded, value=loaded.value.model_copy(update={"seed": _require_seed(seed)}))
    search = loaded.value
    beside = loaded.path.parent if loaded.path else None
    stated = [Override(path, value, loaded.source.place(("set", path))) for path, value in search.set.items()]
    last = [parse_override(each) if isinstance(each, str) else each for each in list_overrides(overrides)]
    settings = (*stated, *last)
    of_spec, of_recipe = split_overrides(settings)
    spec = load_spec(search.spec, of_spec, base_folder=beside)
    recipe = recipe_of(spec, search.recipe, of_recipe, beside=beside)
    if recipe is None:
        raise make_error("missing_field", f"Neither the search nor its network {spec.value.name} names a recipe.",
                         path="recipe", place=loaded.source.place(()), remedy="recipe: NAME")  # fmt: skip
    planned = plan_loaded(spec)
    objective = resolve_objective(planned, recipe.value)
    if asked := _measuring(search.metric, objective, planned, recipe.value):
        settings = (*settings, Override("recipe.metrics", asked, loaded.source.place(("objectives", 0))))
        recipe = recipe_of(spec, search.recipe, split_overrides(settings)[1], beside=beside)
        assert recipe
    plan = SearchPlan(loaded, settings, spec, recipe, SearchAxes(loaded, spec, recipe))
    if problems := _problems(plan, objective):
        raise KresnetError(problems)
    return plan


def _measuring(metric: Metric, objective: Objective, plan: Plan, recipe: Recipe) -> list[Any]:
    """Return the metrics that runs must be asked for, so that they measure one after every epoch; none if they do."""
    measured = (*objective.metrics, *objective.matrix_metrics, *(each.name for each in epoch_metrics(plan, recipe)))
    if metric.name in measured or not metric.suits(objective.targets, objective.classes):
        return []
    return [each.model_dump(mode="json") for each in (*recipe.metrics, metric)]


def _require_seed(seed: int) -> int:
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed < 2**31:
        return seed
    raise make_error("bad_option", "A seed is a whole number from 0 on.", found=str(seed), remedy="--seed 1")


def _problems(plan: SearchPlan, objective: Objective) -> list[Problem]:
    """What keeps a search from being run, as far as its own documents tell."""
    search, recipe, source = plan.search, plan.recipe.value, plan.loaded.source
    problems: list[Problem] = []

    def add(message: str, path: str, remedy: str, key: Sequence[str | int] = (), **details: Any) -> None:
        place = source.place(tuple(key) or (path,))
        problems.append(Problem("contradiction", message, path, place=place, remedy=remedy, **details))

    if recipe.data.validation is None and recipe.data.fold is None:
        add("A search chooses networks, and would choose them by the test images.", "recipe.data.validation",
            "set: {recipe.data.validation: 0.1}", ("set",), expected="images to validate on")  # fmt: skip
    if recipe.distribution == "multi_worker":
        add("Each trial is trained by one process; several machines share the trials instead.", "recipe.distribution",
            "set: {recipe.distribution: one_device}", ("set",))  # fmt: skip
    if search.halving is not None:
        if recipe.epochs is None or "recipe.epochs" in plan.axes.names:
            add("Halving compares trials after the same epochs of a run as long for all.", "halving",
                "state `recipe.epochs` in `set`")  # fmt: skip
        elif plan.rungs == (None,):
            add(f"A run of {recipe.epochs} epochs is over before {search.halving.factor} times the first epochs.",
                "halving", "halving: {first_epochs: 1}, or more epochs")  # fmt: skip
    if not search.metric.suits(objective.targets, objective.classes):
        measurable = objective.measurable
        add("These runs do not measure it.", "objectives", f"objectives: [{measurable[0]}]", ("objectives", 0),
            expected="one of " + ", ".join((*measurable, *COSTS)), found=plan.metric)  # fmt: skip
    return problems


def trial_folder(number: int) -> Path:
    """Return the folder of a trial's run, relative to the search's directory."""
    return Path("trials") / f"{number:04}"


__all__ = ["PlannedTrial", "SearchPlan", "plan_search", "trial_folder"]
