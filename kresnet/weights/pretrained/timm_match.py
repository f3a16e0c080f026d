"""The other way round: which of timm's networks a plan is, and its weights by timm's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import floor
from typing import Any

import numpy as np

from kresnet.errors import KresnetError
from kresnet.plan import Plan, lower
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.inputs import CenterCrop, Input
from kresnet.spec.loading import load_spec
from kresnet.weights.files.tensor import from_parameter
from kresnet.weights.layouts import LAYOUTS
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec

#: Layers that compute nothing in inference, and what pixels are; timm says both elsewhere.
_PASSED = ("input", "normalize", "dropout", "stochastic_depth")
#: Settings of layers that change nothing in inference.
_OF_TRAINING = ("momentum", "initializer", "synchronized", "zero_gamma")


def find_timm_architecture(
    spec: Spec, plan: Plan, origin: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]] | None:
    """Return timm's name and arguments of the network that computes what a plan does in inference; None if none does.

    Args:
        spec: the spec.
        plan: its plan.
        origin: `architecture` and `model_args` of the weights that the network began with, which are tried first.
    """
    if not isinstance(spec.head, Classifier) or spec.head.pool == "none" or len(plan.input_shape) != 3:
        return None
    own = {"num_classes": spec.head.classes, "in_chans": plan.input_shape[2]}
    tried = [(str(origin.get("architecture", "")), dict(origin.get("model_args") or {}))] if origin else []
    wanted = _inference(plan)
    body = plan.trainable - sum(record.weights for record in plan.records if record.name == "head.logits")
    for name, facts in timm_facts()["architectures"].items():
        features = plan.by_name["head.logits"].parameters[0].shape[0]
        if facts.get("parameters") == body + 1000 * (features + 1) or plan.input_shape[2] != 3:
            tried.append((name, {}))
    for architecture, arguments in tried:
        arguments = {**arguments, **own}
        try:
            document = timm_spec(architecture, arguments) | {"input": {"shape": list(plan.input_shape)}}
            theirs = _inference(lower(load_spec(document).value))
        except KresnetError:  # no spec can say it, or it is for larger images
            continue
        if theirs == wanted:
            return architecture, arguments
    return None


def _inference(plan: Plan) -> list[tuple[Any, ...]]:
    """Return what a plan computes in inference, record by record."""
    passed = {record.name: record.inputs[0] for record in plan.records if record.kind in _PASSED and record.inputs}

    def source(name: str) -> str:
        while name in passed:
            name = passed[name]
        return name

    return [
        (
            record.name, record.kind, tuple(map(source, record.inputs)), record.shape, record.parameters,
            {key: value for key, value in record.settings.items() if key not in _OF_TRAINING},
        )
        for record in plan.records
        if record.kind not in _PASSED
    ]  # fmt: skip


def timm_tensors(architecture: str, plan: Plan, values: Mapping[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the weights of a network of timm's by its names, in PyTorch's arrangement.

    Args:
        architecture: timm's name of the network.
        plan: its plan.
        values: by layer and weight, such as `stem.conv1/kernel`.
    """
    layout = LAYOUTS["timm"].of_family(timm_facts()["architectures"][architecture]["family"])
    for record in plan.records:
        for parameter in record.parameters:
            name = layout.tensor(record, parameter, plan)
            assert name, f"timm has no {record.name}"
            array = from_parameter(values[f"{record.name}/{parameter.name}"], parameter)
            as_window = record.role == "attention" or record.name == "head.hidden"  # a 1x1 convolution in timm
            yield name, array[..., None, None] if as_window and array.ndim == 2 else array


def timm_ends(architecture: str, plan: Plan) -> tuple[str, str]:
    """Return timm's names of a network's first layer with weights and of its classifier."""
    layout = LAYOUTS["timm"].of_family(timm_facts()["architectures"][architecture]["family"])
    first = next(record for record in plan.records if record.parameters)
    names = (layout.tensor(record, record.parameters[0], plan) for record in (first, plan.by_name["head.logits"]))
    first_name, classifier = (str(name).removesuffix(".weight") for name in names)
    return first_name, classifier


def timm_preprocessing(entered: Input) -> dict[str, Any] | None:
    """Return pixels, size and resize rule as a `pretrained_cfg` states them; None where timm cannot say them."""
    height, width, channels = entered.shape
    pixels, resize = entered.pixels, entered.resize
    if pixels is None or pixels.channel_order != "rgb":
        return None
    low, high = pixels.range
    means, stds = (np.broadcast_to(values, channels) for values in (pixels.mean, pixels.std))
    crop_pct = _crop_pct(min(height, width), resize.shorter_side) if isinstance(resize, CenterCrop) else 1.0
    return {
        "input_size": [channels, height, width],
        "fixed_input_size": False,
        "interpolation": entered.interpolation,
        "crop_pct": crop_pct,
        "crop_mode": "center" if isinstance(resize, CenterCrop) else "squash",
        "mean": [float((mean - low) / (high - low)) for mean in means],
        "std": [float(std / (high - low)) for std in stds],
    }


def _crop_pct(side: int, shorter_side: int) -> float:
    """Return the shortest share of which timm, which rounds down, makes the shorter side."""
    exact = side / shorter_side
    shares = (round(exact, digits) for digits in range(2, 16))
    return next((share for share in shares if share and floor(side / share) == shorter_side), exact)


__all__ = ["find_timm_architecture", "timm_ends", "timm_preprocessing", "timm_tensors"]
