"""Data that `kresnet prepare` wrote once into shards."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StrictStr, model_validator

from kresnet.spec.base import Name, contradiction_error
from kresnet.spec.recipe.validation import Data, Fold, ShareOrName, ValidatedData


@Data.register
class PreparedData(ValidatedData):
    """A folder of shards that `kresnet prepare` made, here or in a bucket."""

    kind: Literal["prepared"]
    path: StrictStr
    """The folder, or its address: `s3://BUCKET/FOLDER`, `gs://BUCKET/FOLDER` or `https://HOST/FOLDER` (`pip install
    'kresnet[cloud]'`). Credentials come from where the backend looks for them, never from here."""
    train_split: Name = "train"
    """Split to train on."""
    test_split: Name = "test"
    """Split to evaluate on."""
    validation: ShareOrName = None
    """Images to validate on after each epoch, and to choose by: a share of the training images, such as 0.1, drawn by
    the run's seed and stratified by class; or a split of the prepared data, `validation`. Without it epochs are
    measured on test images, and nothing may be chosen."""
    fold: Fold | None = None
    """Validate on one of several equal parts of the training images instead, `{fold: 1, folds: 5}`."""
    order: Literal["random", "windowed"] = "random"
    """Order of the training images: `random`, any image at any time, which needs disks that are quick at any place; or
    `windowed`, shards in random order and images in random order within a window of `window_shards` of them, so that
    whole shards are read one after the other."""
    window_shards: Annotated[int, Field(strict=True, ge=1, le=65_536)] | None = None
    """Shards that are mixed at a time under `order: windowed`, all workers together; 64 when absent."""

    @model_validator(mode="after")
    def _window_of_an_order(self) -> Self:
        if self.window_shards is not None and self.order != "windowed":
            message = "A window is what `order: windowed` mixes, and the order is random"
            raise contradiction_error("window_shards", message, remedy="order: windowed")
        return self
