"""What a recipe makes of the classes of its training examples: their weights, their draws, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kresnet.data.balance import ClassDraws, ExampleBalance, class_counts, class_shares, class_weights, presence_weights
from kresnet.data.class_names import MAX_LISTED
from kresnet.data.description import DataDescription
from kresnet.data.order import steps_per_epoch
from kresnet.data.sources.dataset import DataSet
from kresnet.errors import KresnetError, make_error
from kresnet.spec.recipe import Recipe, SigmoidLoss, SoftmaxLoss

#: A class of fewer training examples than this share of the largest's is told.
RARE = 0.1


def count_training_classes(recipe: Recipe, data: DataSet) -> tuple[int, ...]:
    """Return the number of training examples of each class or label.

    Empty for values, and where a great many records would have to be read for a number that the recipe does not need.

    Raises:
        KresnetError: `image_unreadable` where targets lie with images that cannot be read, and the recipe needs them.
    """
    classes = len(data.class_names)
    if data.targets.kind == "values" or not (needs_counts(recipe) or _read_quickly(data)):
        return ()
    try:
        return tuple(class_counts(data.train.targets(), classes).tolist())
    except KresnetError:
        if needs_counts(recipe):
            raise
        return ()  # what is damaged is told when images are read


def needs_counts(recipe: Recipe) -> bool:
    """Return whether a recipe counts classes by their number of examples."""
    return recipe.class_weights is not None or recipe.sampling is not None or logit_adjustment(recipe) is not None


def logit_adjustment(recipe: Recipe) -> float | None:
    """Return `logit_adjustment` of the recipe's loss; None where it has none."""
    return recipe.loss.logit_adjustment if isinstance(recipe.loss, SoftmaxLoss) else None


def _read_quickly(data: DataSet) -> bool:
    return data.train.distinct_targets(len(data.class_names)) is not None


def balance_examples(recipe: Recipe, data: DataSet) -> ExampleBalance:
    """Return what the training examples count in the loss, and how they are drawn.

    Weights of the data's own (a table's `weight`) and those of the recipe's `class_weights` are multiplied.

    Raises:
        KresnetError: as `class_weights` and `class_shares`; `contradiction` for weights beside `target_threshold`.
    """
    weights, draws, names = data.train.weights(), None, data.class_names
    if isinstance(recipe.loss, SigmoidLoss) and recipe.loss.target_threshold is not None and weights is not None:
        message = "Examples have weights, and `target_threshold` makes both of a mixture fully present."
        raise make_error("contradiction", message, path="recipe.loss.target_threshold",
                         remedy="remove `target_threshold`")  # fmt: skip
    if recipe.class_weights is not None and data.targets.kind == "classes":
        labels = data.train.targets()
        by_class = class_weights(recipe.class_weights, class_counts(labels, len(names)), names)[labels]
        weights = by_class if weights is None else weights * by_class
    if recipe.sampling is not None and data.targets.kind == "classes":
        labels = data.train.targets()
        draws = ClassDraws(labels, class_shares(recipe.sampling, class_counts(labels, len(names)), names))
    return ExampleBalance(None if weights is None else np.asarray(weights, np.float32), draws)


def loss_balance(recipe: Recipe, data: DataDescription) -> dict[str, np.ndarray]:
    """Return what the loss itself takes of the numbers of examples: arguments of `make_loss`, empty for none.

    Raises:
        KresnetError: as `class_weights`.
    """
    counts, adjustment = np.array(data.class_counts), logit_adjustment(recipe)
    if adjustment is not None:
        # A class without examples counts as if it had one: the logarithm of nothing is no number.
        prior = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
        return {"logit_offsets": (adjustment * np.log(prior)).astype(np.float32)}
    if recipe.class_weights is not None and data.targets == "labels":
        weights = presence_weights(recipe.class_weights, counts, data.train_images, data.class_names)
        return {"presence_weights": weights}
    return {}


def balance_remarks(recipe: Recipe, data: DataDescription) -> tuple[str, ...]:
    """Return in sentences how the recipe balances the classes; or that they are skewed, and what could be done."""
    counts, names = np.array(data.class_counts), data.class_names
    if not len(counts):
        return ()
    if not needs_counts(recipe):
        return tuple(filter(None, (_skew_remark(data),)))
    remarks = []
    if recipe.class_weights is not None:
        of_labels = data.targets == "labels"
        weights = (
            presence_weights(recipe.class_weights, counts, data.train_images, names)
            if of_labels
            else class_weights(recipe.class_weights, counts, names)
        )
        what = "Weights of a label's presence against its absence" if of_labels else "Class weights"
        remarks.append(f"{what}: {_enumerate(dict(zip(names, weights, strict=True)), '.3g')}.")
    if recipe.sampling is not None:
        drawn = steps_per_epoch(data.train_images, recipe.images_per_step) * recipe.images_per_step
        shares = dict(zip(names, class_shares(recipe.sampling, counts, names) * drawn, strict=True))
        remarks.append(
            f"An epoch draws {drawn:,} images with replacement, on average of each class: {_enumerate(shares, ',.0f')}."
        )
    return tuple(remarks)


def _skew_remark(data: DataDescription) -> str:
    """Return that the smallest class has under a tenth of the largest's examples, and what to try; else nothing."""
    found = {name: count for name, count in zip(data.class_names, data.class_counts, strict=True) if count}
    if not found or min(found.values()) >= RARE * max(found.values()):
        return ""
    least, most = min(found, key=lambda name: found[name]), max(found, key=lambda name: found[name])
    another = "'recipe.loss={kind: asymmetric}'" if data.targets == "labels" else "recipe.sampling=balanced"
    return (
        f"Classes are skewed: {found[least]:,} training examples of {least}, {found[most]:,} of {most}. Rare ones are "
        f"learned better with --set recipe.class_weights=balanced or --set {another}; judge by macro_f1 rather than "
        "by accuracy."
    )


def _enumerate(values: Mapping[str, float], form: str) -> str:
    """Return names with their numbers, the smallest first, the largest last, a few of the others left out."""
    ranked = sorted(values.items(), key=lambda item: item[1])
    texts = [f"{name} {value:{form}}" for name, value in ranked]
    if len(texts) > MAX_LISTED:
        half = MAX_LISTED // 2
        texts = [*texts[:half], f"{len(texts) - 2 * half} between", *texts[-half:]]
    return ", ".join(texts)


__all__ = [
    "balance_examples",
    "balance_remarks",
    "count_training_classes",
    "logit_adjustment",
    "loss_balance",
    "needs_counts",
]
