"""What networks are judged by: numbers that are measured on images to validate or to test on."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from kresnet.registry import Registry
from kresnet.spec.kinds import NamedUnion


class Metric(NamedUnion):
    """A number that is measured on images to validate or to test on. A name alone stands for its defaults.

    Class attributes:
        targets: what it can be measured on: one of several `classes`, independent `labels`, or `values`.
        lower_is_better: whether less of it is better.
    """

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.metrics")
    targets: ClassVar[tuple[str, ...]] = ("classes", "labels")
    lower_is_better: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """What it is called in histories, results and reports; kinds with settings give each its own."""
        return self.kind

    def __str__(self) -> str:
        return self.name

    def suits(self, targets: str, classes: int | None) -> bool:
        """Return whether it can be measured.

        Args:
            targets: what the targets are: `classes`, `labels` or `values`.
            classes: how many classes or labels there are; None for values.
        """
        return targets in self.targets

    @model_serializer(mode="wrap")
    def _by_name(self, handler: SerializerFunctionWrapHandler) -> Any:
        stated = handler(self)
        return self.kind if set(stated) == {"kind"} else stated


@Metric.register
class LossMetric(Metric):
    """The mean loss, without what belongs to training alone, as label smoothing and weights of classes."""

    targets: ClassVar[tuple[str, ...]] = ("classes", "labels", "values")
    lower_is_better: ClassVar[bool] = True
    kind: Literal["loss"]


@Metric.register
class AccuracyMetric(Metric):
    """Share of the images whose class is predicted; of independent labels, the share of the labels that are right."""

    kind: Literal["accuracy"]


@Metric.register
class Top5AccuracyMetric(Metric):
    """Share of the images whose class is among the five that are predicted first."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    kind: Literal["top_5_accuracy"]

    def suits(self, targets: str, classes: int | None) -> bool:
        """See `Metric.suits`."""
        return super().suits(targets, classes) and (classes or 0) > 5


@Metric.register
class TopKAccuracyMetric(Metric):
    """Share of the images whose class is among the `k` that are predicted first: `top_3_accuracy`, say."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    kind: Literal["top_k_accuracy"]
    k: Annotated[int, Field(strict=True, ge=2, le=65_536)] = 3
    """How many classes are looked at; fewer than there are."""

    @property
    def name(self) -> str:
        """See `Metric.name`."""
        return f"top_{self.k}_accuracy"

    def suits(self, targets: str, classes: int | None) -> bool:
        """See `Metric.suits`."""
        return super().suits(targets, classes) and (classes or 0) > self.k


@Metric.register
class ExactMatchMetric(Metric):
    """Share of the images all of whose independent labels are right."""

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    kind: Literal["exact_match"]


@Metric.register
class AbsoluteErrorMetric(Metric):
    """Mean of |output - target|."""

    targets: ClassVar[tuple[str, ...]] = ("values",)
    lower_is_better: ClassVar[bool] = True
    kind: Literal["absolute_error"]


@Metric.register
class RootMeanSquaredErrorMetric(Metric):
    """Root of the mean of (output - target) squared."""

    targets: ClassVar[tuple[str, ...]] = ("values",)
    lower_is_better: ClassVar[bool] = True
    kind: Literal["root_mean_squared_error"]


@Metric.register
class BalancedAccuracyMetric(Metric):
    """Mean recall of the classes that have images, each alike, however few they are."""

    kind: Literal["balanced_accuracy"]


@Metric.register
class MacroPrecisionMetric(Metric):
    """Mean over the classes of the share of their predictions that are right."""

    kind: Literal["macro_precision"]


@Metric.register
class MacroRecallMetric(Metric):
    """Mean over the classes of the share of their images that are recognised."""

    kind: Literal["macro_recall"]


@Metric.register
class MacroF1Metric(Metric):
    """Mean over the classes of the harmonic mean of precision and recall."""

    kind: Literal["macro_f1"]


@Metric.register
class AurocMacroMetric(Metric):
    """Area under the ROC curve of each class against the others, the mean over the classes."""

    kind: Literal["auroc_macro"]


@Metric.register
class AurocMicroMetric(Metric):
    """Area under the ROC curve of all pairs of image and class together."""

    kind: Literal["auroc_micro"]


@Metric.register
class AveragePrecisionMacroMetric(Metric):
    """Average precision of each class, the mean over the classes; of independent labels this is the mAP."""

    kind: Literal["average_precision_macro"]


@Metric.register
class AveragePrecisionMicroMetric(Metric):
    """Average precision of all pairs of image and class together."""

    kind: Literal["average_precision_micro"]


@Metric.register
class NegativeLogLikelihoodMetric(Metric):
    """Mean of -log of the probability of what is right, in nats; of independent labels, the mean over them."""

    lower_is_better: ClassVar[bool] = True
    kind: Literal["negative_log_likelihood"]


@Metric.register
class QuadraticKappaMetric(Metric):
    """Cohen's kappa with quadratic weights, of classes whose order means something."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    kind: Literal["quadratic_kappa"]


@Metric.register
class MatthewsCorrelationMetric(Metric):
    """Correlation of classes and predictions (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    kind: Literal["matthews_correlation"]


@Metric.register
class R2Metric(Metric):
    """Coefficient of determination, the mean over the outputs."""

    targets: ClassVar[tuple[str, ...]] = ("values",)
    kind: Literal["r2"]


#: Metrics that are means of a number that each example has, and are measured unasked.
EXAMPLE_METRICS = ("loss", "accuracy", "top_5_accuracy", "exact_match", "absolute_error")


def metric_named(name: str) -> Metric:
    """Return a metric by the name of its kind, with its defaults."""
    model: type[Metric] | None = Metric.kinds.find(name)
    assert model is not None, name
    return model.model_validate({"kind": name})


def lower_is_better(name: str) -> bool:
    """Return whether less of what is called so is better; of names that are no kinds, False."""
    model: type[Metric] | None = Metric.kinds.find(name)
    return model is not None and model.lower_is_better
