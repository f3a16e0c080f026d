"""What a run makes small and what it measures, from its recipe and the head of its network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kresnet.errors import Problem
from kresnet.plan.records import Plan
from kresnet.spec.recipe import Recipe, SigmoidLoss, SoftmaxLoss, SquaredError
from kresnet.spec.recipe.stopping import Metric


@dataclass(frozen=True, slots=True)
class Objective:
    """The loss of a run, which also decides what is measured.

    Attributes:
        kind: kind of the loss: `softmax`, `sigmoid` or `squared_error`.
        classes: number of classes or labels; None where there are none.
        independent: whether labels are independent of each other.
        smoothing: fraction of the target that label smoothing spreads over all classes.
        threshold: fraction of a mixture above which a class counts as present; None where fractions are kept.
    """

    kind: str
    classes: int | None = None
    independent: bool = False
    smoothing: float = 0.0
    threshold: float | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Names of what is measured on validation or test images example by example, the loss first."""
        if self.classes is None:
            return ("loss", "absolute_error")
        if self.independent:
            return ("loss", "accuracy", "exact_match")
        return ("loss", "accuracy", "top_5_accuracy") if self.classes > 5 else ("loss", "accuracy")

    @property
    def matrix_metrics(self) -> tuple[Metric, ...]:
        """Names of what the confusion matrix tells after every pass over validation or test images."""
        return ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1") if self.classes else ()

    @property
    def output_metrics(self) -> tuple[Metric, ...]:
        """Names of what needs the outputs of all images at once."""
        if self.classes is None:
            return ("r2",)
        ranking: tuple[Metric, ...] = (
            "auroc_macro",
            "auroc_micro",
            "average_precision_macro",
            "average_precision_micro",
        )
        return (*ranking, "negative_log_likelihood")

    @property
    def measurable(self) -> tuple[Metric, ...]:
        """Names of all that can be measured."""
        ordered: tuple[Metric, ...] = ("quadratic_kappa",) if self.classes and not self.independent else ()
        return (*self.metrics, *self.matrix_metrics, *self.output_metrics, *ordered)


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
    return Objective(kind, classes, independent, recipe.label_smoothing, threshold)


def epoch_metrics(plan: Plan, recipe: Recipe) -> tuple[Metric, ...]:
    """Return what a recipe wants to know after every epoch beside `Objective.metrics`, in the order of `measurable`."""
    objective, wanted = resolve_objective(plan, recipe), named_metrics(recipe)
    return tuple(name for name in objective.measurable if name in wanted and name not in objective.metrics)


def named_metrics(recipe: Recipe) -> tuple[Metric, ...]:
    """Return the metrics that a recipe names: those of `metrics`, and those that it judges epochs by."""
    judges = (recipe.early_stopping, recipe.checkpoints.keep_best)
    return (*recipe.metrics, *(judge.metric for judge in judges if judge))


def objective_problems(plan: Plan, recipe: Recipe) -> Iterator[Problem]:
    """Yield a problem for a loss that does not suit the network, and for each setting that the loss leaves unused."""
    if isinstance(recipe.loss, SquaredError) != (plan.probabilities is None) and recipe.loss:
        message = (
            "Squared error is for a network without a head; this one is a classifier."
            if plan.probabilities
            else f"The network has no head, and {recipe.loss.kind} needs the logits of a classifier."
        )
        yield Problem("contradiction", message, path="recipe.loss.kind",
                      expected="softmax or sigmoid" if plan.probabilities else "squared_error",
                      found=recipe.loss.kind, remedy="take `loss` out: the head suggests one")  # fmt: skip
    elif isinstance(recipe.loss, SoftmaxLoss) and plan.probabilities == "sigmoid":
        yield Problem("contradiction", "Softmax is for one class an image; the head's labels are independent.",
                      path="recipe.loss.kind", expected="sigmoid", found="softmax",
                      remedy="--set recipe.loss=null, or --set head.multi_label=false")  # fmt: skip
    if plan.probabilities is None and recipe.label_smoothing:
        yield Problem("no_effect", "Without classes there are no labels to smooth.", path="recipe.label_smoothing",
                      remedy="remove `label_smoothing`")  # fmt: skip
    threshold = isinstance(recipe.loss, SigmoidLoss) and recipe.loss.target_threshold is not None
    if threshold and not getattr(recipe.augment, "mix", None):
        yield Problem("no_effect", "Targets are 0 or 1 already, where no images are mixed.",
                      path="recipe.loss.target_threshold", remedy="remove `target_threshold`")  # fmt: skip
