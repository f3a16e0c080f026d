"""What training makes small."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from kresnet.registry import Registry
from kresnet.spec.base import NonNegative, Positive
from kresnet.spec.kinds import OpenUnion


class Loss(OpenUnion):
    """What training makes small.

    Class attributes:
        targets: what it is for: one of several `classes`, independent `labels`, or `values`, without a head.
        hard_targets: whether it is for labels that are 0 or 1, and knows no mixtures of images and no smoothed labels.
        weighs_presence: whether `class_weights` can weigh the presence of independent labels in it.
    """

    kinds: ClassVar[Registry[Any]] = Registry("kresnet.losses")
    targets: ClassVar[tuple[str, ...]] = ("classes", "labels", "values")
    hard_targets: ClassVar[bool] = False
    weighs_presence: ClassVar[bool] = False


@Loss.register
class SoftmaxLoss(Loss):
    """Cross-entropy with the softmax of the logits: one class an image."""

    targets: ClassVar[tuple[str, ...]] = ("classes",)
    weighs_presence: ClassVar[bool] = True
    kind: Literal["softmax"]
    logit_adjustment: Positive | None = None
    """Add this many times the logarithm of each class's share of the training images to its logit, in the loss alone
    (Menon et al. 2021, arXiv:2007.07314, section 5.2: 1): what the network then returns suits classes that are all
    alike frequent, so that rare ones are predicted more often."""


@Loss.register
class SigmoidLoss(Loss):
    """Binary cross-entropy with the sigmoid of each logit, the mean over the classes.

    For independent labels (`head.multi_label`); also for one class an image (Wightman et al. 2021, arXiv:2110.00476,
    section 2.2).
    """

    targets: ClassVar[tuple[str, ...]] = ("classes", "labels")
    weighs_presence: ClassVar[bool] = True
    kind: Literal["sigmoid"]
    target_threshold: Annotated[float, Field(strict=True, ge=0, lt=1)] | None = None
    """Targets of mixed images above it become 1, the others 0, so that each class in the mixture is fully present."""


@Loss.register
class FocalLoss(Loss):
    """Cross-entropy in which what is predicted well already counts little (Lin et al. 2017, arXiv:1708.02002).

    The cross-entropy -log p of the truth is multiplied by (1 - p)^gamma: p is the softmax's for one class an image, and
    the sigmoid's of each of several independent labels, over which the mean is taken.
    """

    targets: ClassVar[tuple[str, ...]] = ("classes", "labels")
    hard_targets: ClassVar[bool] = True
    weighs_presence: ClassVar[bool] = True
    kind: Literal["focal"]
    gamma: NonNegative = 2.0
    """The larger, the less what is predicted well counts; 0 is plain cross-entropy (section 3.2; the paper takes 2)."""
    alpha: Annotated[float, Field(strict=True, gt=0, lt=1)] | None = None
    """For independent labels: weight of a label that is there, against 1 - alpha for one that is not (section 3.1; the
    paper takes 0.25 beside a gamma of 2). When absent, both have the weight 1."""


@Loss.register
class AsymmetricLoss(Loss):
    """Binary cross-entropy of independent labels, in which easy absent ones count little (Ridnik et al. 2021).

    arXiv:2009.14119, section 2: labels that are there are focused by `gamma_positive`, those that are not by
    `gamma_negative`, after `margin` was taken off their probability.
    """

    targets: ClassVar[tuple[str, ...]] = ("labels",)
    hard_targets: ClassVar[bool] = True
    weighs_presence: ClassVar[bool] = True
    kind: Literal["asymmetric"]
    gamma_positive: NonNegative = 0.0
    """Focusing of labels that are there, as `gamma` of the focal loss."""
    gamma_negative: NonNegative = 4.0
    """Focusing of labels that are not there."""
    margin: Annotated[float, Field(strict=True, ge=0, lt=1)] = 0.05
    """Probability below which an absent label counts for nothing at all."""


@Loss.register
class SquaredError(Loss):
    """Mean over the outputs of (output - target) squared: for a network without a head."""

    targets: ClassVar[tuple[str, ...]] = ("values",)
    kind: Literal["squared_error"]
