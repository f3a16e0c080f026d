"""The resolved plan of a run: what a recipe means for one network and one set of data, every duration in steps.

Training is set up from it and `kresnet fit --dry-run` prints it, so that what a recipe says and what is done cannot
drift apart. A setting that cannot act is not in it, which is how `resolve_recipe` finds and refuses such settings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kresnet.errors import KresnetError, Problem
from kresnet.plan.layer_rates import layer_rates
from kresnet.plan.norm_statistics import norm_problems
from kresnet.plan.objective import Objective, epoch_metrics, objective_problems, resolve_objective
from kresnet.plan.records import Plan
from kresnet.plan.unused_settings import unused_settings
from kresnet.spec.recipe import MultiStep, Recipe, Schedule, Step, WarmUp
from kresnet.spec.recipe.durations import duration_in_steps, stated_duration
from kresnet.spec.recipe.metrics import Metric
from kresnet.spec.recipe.schedules import RunSteps

#: What a recipe says of itself rather than of its runs.
ABOUT = ("name", "source")
#: Fields of a recipe that the resolved recipe holds in another form.
_RESOLVED = (
    *ABOUT,
    "epochs",
    "steps",
    "examples",
    "optimizer",
    "layer_decay",
    "schedule",
    "ema",
    "quantize",
    "early_stopping",
    "metrics",
)


@dataclass(frozen=True, slots=True)
class WarmUpSteps:
    """A warm-up of `steps` updates: from `start` times the peak `linear` up to it, or `constant` until the last."""

    steps: int
    start: float
    shape: str


@dataclass(frozen=True, slots=True)
class LearningRatePlan:
    """The learning rate of a run as a function of the step.

    Attributes:
        peak: highest learning rate, scaled to the run's own batch size.
        total_steps: number of steps of the run.
        shape: how the learning rate changes: `constant`, `falls`, `cosine`, `polynomial` or `one_cycle`.
        settings: what else the shape needs, in steps and in fractions of the peak.
        warmup: the warm-up; None without one.
    """

    peak: float
    total_steps: int
    shape: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    warmup: WarmUpSteps | None = None


@dataclass(frozen=True)
class ResolvedRecipe:
    """What a run will do, every duration in steps.

    Attributes:
        about: name and source of the recipe.
        batch_size: number of images in a step, over all devices.
        epoch_steps, total_steps: number of steps of an epoch, and of the run; the last epoch may be cut short.
        stated_learning_rate: learning rate as the recipe states it: the number, and the batch that it is for.
        learning_rate: the learning rate over the steps.
        optimizer: `kind` of the optimizer, and its settings that have an effect.
        layer_decay: learning rate of a block over that of the block behind it; None where all have one.
        objective: the loss and the metrics of the run.
        ema: `decay`, `warmup` and `start` (in steps) of the average of weights; None without one.
        quantize: `bits`, and `start` (in steps) of rounding to them; None without.
        early_stopping: `metric`, `patience` (in steps) and `min_delta`; None where the run goes to its end.
        epoch_metrics: what the recipe wants to know after every epoch beside the metrics of the objective.
        settings: the other fields of the recipe, as the recipe states them.
    """

    about: Mapping[str, Any]
    batch_size: int
    epoch_steps: int
    total_steps: int
    stated_learning_rate: tuple[float, int | None]
    learning_rate: LearningRatePlan
    optimizer: Mapping[str, Any]
    layer_decay: float | None
    objective: Objective
    ema: Mapping[str, Any] | None
    quantize: Mapping[str, Any] | None
    early_stopping: dict[str, Any] | None
    epoch_metrics: tuple[Metric, ...]
    settings: Mapping[str, Any]

    @property
    def epochs(self) -> float:
        """Length of the run in epochs; an integer if the run ends with an epoch."""
        return self.epochs_of(self.total_steps)

    def epochs_of(self, steps: int) -> float:
        """Return a number of steps in epochs; an integer if they end with an epoch."""
        whole, rest = divmod(steps, self.epoch_steps)
        return round(steps / self.epoch_steps, 3) if rest else whole

    def as_dict(self) -> dict[str, Any]:
        """Return the resolved recipe as JSON-ready values."""
        (stated_rate, per), stopping = self.stated_learning_rate, self.early_stopping
        return {
            "recipe": dict(self.about),
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "epoch_steps": self.epoch_steps,
            "total_steps": self.total_steps,
            "learning_rate": {"stated": stated_rate, "per": per} | asdict(self.learning_rate),
            "optimizer": dict(self.optimizer),
            **({"layer_decay": self.layer_decay} if self.layer_decay else {}),
            "objective": asdict(self.objective) | {"metrics": list(self.objective.metrics)},
            "ema": self.ema,
            **({"quantize": self.quantize} if self.quantize else {}),
            "early_stopping": stopping | {"metric": stopping["metric"].document()} if stopping else None,
            "metrics": [metric.document() for metric in self.epoch_metrics],
            **self.settings,
        }


def resolve_recipe(
    recipe: Recipe,
    plan: Plan,
    epoch_steps: int,
    document: Mapping[str, Any] | None = None,
    *,
    frozen: Collection[str] = (),
) -> ResolvedRecipe:
    """Return what a recipe means for one network and one set of data; each of its settings must have an effect.

    Args:
        recipe: how to train.
        plan: the network.
        epoch_steps: steps of one epoch of its data.
        document: what `recipe` was validated from; the recipe's own document by default.
        frozen: names of the records whose weights stay as they are.

    Raises:
        KresnetError: `contradiction` or `no_effect`, every one at once, naming paths below `recipe`.
    """
    problems = [
        *objective_problems(plan, recipe),
        *_schedule_problems(recipe, epoch_steps),
        *_moment_problems(recipe, plan, epoch_steps),
        *norm_problems(plan, recipe, frozen=frozen),
    ]
    if not problems:
        written = dict(document or recipe.document())
        whole = _resolve(Recipe.model_validate(written), plan, epoch_steps)
        useless = unused_settings(written, Recipe, lambda other: _resolve(other, plan, epoch_steps) == whole, ABOUT)
        problems = [_no_effect(path) for path in useless]
    if problems:
        raise KresnetError(problems)
    return _resolve(recipe, plan, epoch_steps)


def _resolve(recipe: Recipe, plan: Plan, epoch_steps: int) -> ResolvedRecipe:
    optimizer = recipe.optimizer.document()
    learning_rate, per = optimizer.pop("learning_rate"), optimizer.pop("learning_rate_per", None)
    peak = learning_rate * recipe.images_per_step / per if per else learning_rate
    if optimizer.get("momentum") == 0:
        optimizer.pop("nesterov", None)
    total = total_steps(recipe, epoch_steps)
    return ResolvedRecipe(
        about={name: getattr(recipe, name) for name in ABOUT},
        batch_size=recipe.images_per_step,
        epoch_steps=epoch_steps,
        total_steps=total,
        stated_learning_rate=(learning_rate, per),
        learning_rate=_plan_learning_rate(recipe.schedule, peak, total, epoch_steps, recipe.images_per_step),
        optimizer=optimizer,
        layer_decay=recipe.layer_decay if len(set(layer_rates(plan, recipe.layer_decay).values())) > 1 else None,
        objective=resolve_objective(plan, recipe),
        ema=_ema(recipe, epoch_steps),
        quantize=_quantize(recipe, epoch_steps),
        early_stopping=_early_stopping(recipe, epoch_steps),
        epoch_metrics=epoch_metrics(plan, recipe),
        settings={name: value for name, value in recipe.document().items() if name not in _RESOLVED},
    )


def total_steps(recipe: Recipe, epoch_steps: int) -> int:
    """Return the number of steps of the whole run."""
    unit, value = stated_duration(recipe) or ("epochs", 0)
    return duration_in_steps(unit, value, epoch_steps, recipe.images_per_step)


def _quantize(recipe: Recipe, epoch_steps: int) -> Mapping[str, Any] | None:
    if recipe.quantize is None:
        return None
    start = stated_duration(recipe.quantize, "start_")
    steps = duration_in_steps(*start, epoch_steps, recipe.images_per_step) if start else 0
    return {"bits": recipe.quantize.bits, "start": steps}


def _ema(recipe: Recipe, epoch_steps: int) -> Mapping[str, Any] | None:
    if recipe.ema is None:
        return None
    start = stated_duration(recipe.ema, "start_")
    steps = duration_in_steps(*start, epoch_steps, recipe.images_per_step) if start else 0
    return {"decay": recipe.ema.decay, "warmup": recipe.ema.warmup, "start": steps}


def _early_stopping(recipe: Recipe, epoch_steps: int) -> dict[str, Any] | None:
    stopping = recipe.early_stopping
    if stopping is None:
        return None
    patience = duration_in_steps(*_stated_duration(stopping, "patience_"), epoch_steps, recipe.images_per_step)
    return {"metric": stopping.metric, "patience": patience, "min_delta": stopping.min_delta}


def _plan_learning_rate(
    schedule: Schedule, peak: float, total: int, epoch_steps: int, batch_size: int
) -> LearningRatePlan:
    warmup = None
    if isinstance(schedule, WarmUp) and (duration := stated_duration(schedule, "warmup_")):
        steps = duration_in_steps(*duration, epoch_steps, batch_size)
        warmup = WarmUpSteps(steps, schedule.warmup_from, schedule.warmup_shape)
    shape, settings = schedule.in_steps(RunSteps(total, epoch_steps, batch_size))
    return LearningRatePlan(peak, total, shape, settings, warmup)


def _stated_duration(model: Any, prefix: str) -> tuple[str, Any]:
    duration = stated_duration(model, prefix)
    assert duration is not None  # the model was validated
    return duration


def _schedule_problems(recipe: Recipe, epoch_steps: int) -> Iterator[Problem]:
    """Moments of the schedule that the run does not reach."""
    total, batch = total_steps(recipe, epoch_steps), recipe.images_per_step
    schedule = recipe.schedule
    if isinstance(schedule, WarmUp) and (duration := stated_duration(schedule, "warmup_")):
        steps = duration_in_steps(*duration, epoch_steps, batch)
        if steps > total:
            message = f"The warm-up of {steps} steps is longer than the run of {total}."
            yield Problem("contradiction", message, path=f"recipe.schedule.warmup_{duration[0]}",
                          remedy="a shorter warm-up, or a longer run")  # fmt: skip
    if isinstance(schedule, Step | MultiStep):
        unit, moments = schedule.stated_falls
        if len(schedule.drop_steps(RunSteps(total, epoch_steps, batch))) < len(moments):
            prefix = "every_" if isinstance(schedule, Step) else "at_"
            message = (
                f"The learning rate would fall after {moments[-1]:g} {unit}; the run ends before, after {total} steps."
            )
            yield Problem("no_effect", message, path=f"recipe.schedule.{prefix}{unit}",
                          remedy="a longer run, or --set 'recipe.schedule={kind: constant}'")  # fmt: skip


def _moment_problems(recipe: Recipe, plan: Plan, epoch_steps: int) -> Iterator[Problem]:
    """What would begin after the run has ended, and a metric that it does not measure."""
    total = total_steps(recipe, epoch_steps)
    if (ema := _ema(recipe, epoch_steps)) and ema["start"] >= total:
        unit, _ = _stated_duration(recipe.ema, "start_")
        message = f"The average would begin after {ema['start']} steps; the run ends after {total}."
        yield Problem("no_effect", message, path=f"recipe.ema.start_{unit}", remedy="an earlier start")
    if (quantize := _quantize(recipe, epoch_steps)) and quantize["start"] >= total:
        unit, _ = _stated_duration(recipe.quantize, "start_")
        message = f"Rounding would begin after {quantize['start']} steps; the run ends after {total}."
        yield Problem("no_effect", message, path=f"recipe.quantize.start_{unit}", remedy="an earlier start")
    if (stopping := _early_stopping(recipe, epoch_steps)) and stopping["patience"] >= total:
        unit, _ = _stated_duration(recipe.early_stopping, "patience_")
        message = f"A patience of {stopping['patience']} steps outlasts the run of {total}."
        yield Problem("no_effect", message, path=f"recipe.early_stopping.patience_{unit}", remedy="less patience")
    objective, best = resolve_objective(plan, recipe), recipe.checkpoints.keep_best
    judges = (("early_stopping", recipe.early_stopping), ("checkpoints.keep_best", best))
    named = [(f"{path}.metric", judge.metric) for path, judge in judges if judge]
    for path, metric in (*named, *((f"metrics.{n}", each) for n, each in enumerate(recipe.metrics))):
        if not metric.suits(objective.targets, objective.classes):
            yield Problem("contradiction", f"This run does not measure {metric.name}.", path=f"recipe.{path}",
                          expected="one of " + ", ".join(objective.measurable), found=metric.name)  # fmt: skip


def _no_effect(path: tuple[str | int, ...]) -> Problem:
    name = ".".join(str(key) for key in path)
    message = f"`{name if isinstance(path[-1], int) else path[-1]}` changes nothing in this run."
    return Problem("no_effect", message, path=f"recipe.{name}", remedy=f"remove `{name}`")
