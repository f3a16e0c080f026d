"""What a run makes small and what it measures, from its recipe and the head of its network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kresnet.errors import Problem
from kresnet.plan.records import Plan
from kresnet.spec.recipe import FocalLoss, Loss, Recipe, SigmoidLoss, SoftmaxLoss
from kresnet.spec.recipe.metrics import Metric


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a run, which also decides what is measured.

    Attributes:
        kind: kind of the loss.
        classes: number of classes or labels; None where there are none.
        independent: whether labels are independent of each other.
        smoothing: fraction of the target that label smoothing spreads over all classes.
        threshold: fraction of a mixture above which a class counts as present; None where fractions are kept.
        settings: the other settings of the loss that are stated, by name.
    """

    kind: str
    classes: int | None = None
    independent: bool = False
    smoothing: float = 0.0
    threshold: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def loss(self) -> Loss:
        """The loss as recipes state it."""
        model: type[Loss] | None = Loss.kinds.find(self.kind)
        assert model is not None  # the recipe was validated
        threshold = {} if self.threshold is None else {"target_threshold": self.threshold}
        return model.model_validate({"kind": self.kind, **self.settings, **threshold})

    @property
    def targets(self) -> Literal["classes", "labels", "values"]:
        """What the targets are: `classes`, `labels` (independent ones) or `values`."""
        return "values" if self.classes is None else "labels" if self.independent else "classes"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what is measured on validation or test images example by example, the loss first."""
        if self.classes is None:
            return ("loss", "absolute_error")
        if self.independent:
            return ("loss", "accuracy", "exact_match")
        return ("loss", "accuracy", "top_5_accuracy") if self.classes > 5 else ("loss", "accuracy")

    @property
    def matrix_metrics(self) -> tuple[str, ...]:
        """Names of what the confusion matrix tells after every pass over validation or test images."""
        return ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1") if self.classes else ()

    @property
    def output_metrics(self) -> tuple[str, ...]:
        """Names of what needs the outputs of all images at once."""
        if self.classes is None:
            return ("r2",)
        return (
            "auroc_macro",
            "auroc_micro",
            "average_precision_macro",
            "average_precision_micro",
            "negative_log_likelihood",
        )

    @property
    def measurable(self) -> tuple[str, ...]:
        """Names of all that can be measured."""
        unasked = (*self.metrics, *self.matrix_metrics, *self.output_metrics)
        others = {kind: model for kind, model in Metric.kinds.items() if self.targets in model.targets}
        return (*unasked, *(kind for kind in others if kind not in (*unasked, "top_5_accuracy")))


def resolve_objective(plan: Plan, recipe: Recipe | None = None) -> Objective:
    """Return the objective of a network under a recipe; without one, the objective that its head suggests."""
    if plan.probabilities is None:
        return Objective("squared_error")
    classes = next(plan.by_name[name].shape[-1] for name in plan.outputs.values())
    independent = plan.probabilities == "sigmoid"
    if recipe is None:
        return Objective(plan.probabilities, classes, independent)
    threshold = recipe.loss.target_threshold if isinstance(recipe.loss, SigmoidLoss) else None
    kind = recipe.loss.kind if recipe.loss else plan.probabilities
    settings = recipe.loss.model_dump(exclude={"kind", "target_threshold"}, exclude_none=True) if recipe.loss else {}
    return Objective(kind, classes, independent, recipe.label_smoothing, threshold, settings)


def epoch_metrics(plan: Plan, recipe: Recipe) -> tuple[Metric, ...]:
    """Return what a recipe wants to know after every epoch beside `Objective.metrics`, in the order of `measurable`."""
    objective = resolve_objective(plan, recipe)
    wanted = {metric.name: metric for metric in named_metrics(recipe)}
    names = dict.fromkeys((*objective.measurable, *wanted))
    return tuple(wanted[name] for name in names if name in wanted and name not in objective.metrics)


def named_metrics(recipe: Recipe) -> tuple[Metric, ...]:
    """Return the metrics that a recipe names: those of `metrics`, and those that it judges epochs by."""
    judges = (recipe.early_stopping, recipe.checkpoints.keep_best)
    return (*recipe.metrics, *(judge.metric for judge in judges if judge))


def objective_problems(plan: Plan, recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem for a loss that does not suit the network, and for each setting that the loss leaves unused."""
    targets = resolve_objective(plan).targets
    unsuited = recipe.loss is not None and targets not in recipe.loss.targets
    if recipe.loss and unsuited and (recipe.loss.targets == ("values",) or targets == "values"):
        name = recipe.loss.kind.replace("_", " ")
        message = (
            f"{name.capitalize()} is for a network without a head; this one is a classifier."
            if plan.probabilities
            else f"The network has no head, and {recipe.loss.kind} needs the logits of a classifier."
        )
        yield Problem("contradiction", message, path="recipe.loss.kind",
                      expected="softmax, sigmoid, focal or asymmetric" if plan.probabilities else "squared_error",
                      found=recipe.loss.kind, remedy="take `loss` out: the head suggests one")  # fmt: skip
    elif recipe.loss and unsuited and targets == "labels":
        message = f"{recipe.loss.kind.capitalize()} is for one class an image; the head's labels are independent."
        yield Problem("contradiction", message, path="recipe.loss.kind",
                      expected="sigmoid, focal or asymmetric", found=recipe.loss.kind,
                      remedy="--set recipe.loss=null, or --set head.multi_label=false")  # fmt: skip
    elif recipe.loss and unsuited:
        message = f"The {recipe.loss.kind} loss is for independent labels, which this head has not."
        yield Problem("contradiction", message, path="recipe.loss.kind", expected="softmax, sigmoid or focal",
                      found=recipe.loss.kind, remedy="take `loss` out: the head suggests one")  # fmt: skip
    if isinstance(recipe.loss, FocalLoss) and recipe.loss.alpha and plan.probabilities == "softmax":
        yield Problem("no_effect", "With one class an image, `alpha` would weigh all of them alike.",
                      path="recipe.loss.alpha", remedy="class_weights: balanced")  # fmt: skip
    if plan.probabilities is None and recipe.label_smoothing:
        yield Problem("no_effect", "Without classes there are no labels to smooth.", path="recipe.label_smoothing",
                      remedy="remove `label_smoothing`")  # fmt: skip
    threshold = isinstance(recipe.loss, SigmoidLoss) and recipe.loss.target_threshold is not None
    if threshold and not getattr(recipe.augment, "mix", None):
        yield Problem("no_effect", "Targets are 0 or 1 already, where no images are mixed.",
                      path="recipe.loss.target_threshold", remedy="remove `target_threshold`")  # fmt: skip
    yield from _focusing_problems(recipe)
    yield from _balance_problems(plan, recipe)


def _focusing_problems(recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem for targets between 0 and 1, which losses that ask how well a label is predicted do not know."""
    if recipe.loss is None or not recipe.loss.hard_targets:
        return
    for path, used, what in (
        ("augment.mix", recipe.augment.mix is not None, "mixtures of images have"),
        ("label_smoothing", recipe.label_smoothing > 0, "smoothed labels are"),
    ):
        if used:
            name = path.rpartition(".")[2]
            yield Problem("contradiction", f"The {recipe.loss.kind} loss is for labels that are 0 or 1; {what} others.",
                          path=f"recipe.{path}", remedy=f"remove `{name}`, or another loss")  # fmt: skip


def _balance_problems(plan: Plan, recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem for weights and sampling of classes that there are not, and for two cures of one imbalance."""
    named = [name for name in ("class_weights", "sampling") if getattr(recipe, name) is not None]
    if plan.probabilities is None:
        for name in named:
            yield Problem("contradiction", "The network predicts values, and has no classes to balance.",
                          path=f"recipe.{name}", remedy=f"remove `{name}`")  # fmt: skip
        return
    if "sampling" in named and plan.probabilities == "sigmoid":
        message = "An image with several labels belongs to no single class by which it could be drawn."
        yield Problem("contradiction", message, path="recipe.sampling",
                      remedy="class_weights: balanced, or loss: {kind: asymmetric}")  # fmt: skip
    if "class_weights" in named and plan.probabilities == "sigmoid" and recipe.loss and not recipe.loss.weighs_presence:
        message = f"What the presence of a label counts is up to the loss, and {recipe.loss.kind} is not kresnet's."
        yield Problem("contradiction", message, path="recipe.class_weights", remedy="remove `class_weights`")
    threshold = isinstance(recipe.loss, SigmoidLoss) and recipe.loss.target_threshold is not None
    if "class_weights" in named and threshold:
        message = "A class that `target_threshold` makes fully present in a mixture has no weight of its own there."
        yield Problem("contradiction", message, path="recipe.class_weights",
                      remedy="remove `target_threshold`, or sampling: balanced")  # fmt: skip
    adjusts = isinstance(recipe.loss, SoftmaxLoss) and recipe.loss.logit_adjustment is not None
    cures = [*named, *(["loss.logit_adjustment"] if adjusts else [])]
    for name in cures[1:]:
        message = f"`{cures[0]}` and `{name}` both make rare classes count for more; together they overdo it."
        yield Problem("contradiction", message, path=f"recipe.{name}", remedy="keep one of them")
