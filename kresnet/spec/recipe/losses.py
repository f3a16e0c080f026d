"""What training makes small."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from kresnet.spec.base import Document


class SoftmaxLoss(Document):
    """Cross-entropy with the softmax of the logits: one class an image."""

    kind: Literal["softmax"]


class SigmoidLoss(Document):
    """Binary cross-entropy with the sigmoid of each logit, the mean over the classes.

    For independent labels (`head.multi_label`); also for one class an image (Wightman et al. 2021, arXiv:2110.00476,
    section 2.2).
    """

    kind: Literal["sigmoid"]
    target_threshold: Annotated[float, Field(strict=True, ge=0, lt=1)] | None = None
    """Targets of mixed images above it become 1, the others 0, so that each class in the mixture is fully present."""


class SquaredError(Document):
    """Mean over the outputs of (output - target) squared: for a network without a head."""

    kind: Literal["squared_error"]


Loss = Annotated[SoftmaxLoss | SigmoidLoss | SquaredError, Field(discriminator="kind")]
