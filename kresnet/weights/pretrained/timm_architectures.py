"""Specs of timm's networks: an entry point's arguments, and those of a hub's configuration, as settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import floor
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, nearest
from kresnet.spec.architecture import Spec
from kresnet.spec.contradictions import find_contradictions
from kresnet.spec.document import SourceDocument
from kresnet.spec.validation import validate
from kresnet.weights.pretrained.timm_arguments import TimmConfiguration, TimmNetwork, TimmResNet
from kresnet.weights.pretrained.timm_convnext import TimmConvNeXt, convnext_spec
from kresnet.weights.pretrained.timm_efficientnet import TimmEfficientNet, efficientnet_spec
from kresnet.weights.pretrained.timm_mobilenet import (
    TimmMobileNetV2,
    TimmMobileNetV3,
    mobilenet_v2_spec,
    mobilenet_v3_spec,
)
from kresnet.weights.pretrained.timm_regnet import TimmRegNet, regnet_spec
from kresnet.weights.pretrained.timm_resnet import resnet_spec
from kresnet.weights.pretrained.timm_resnetv2 import TimmResNetV2, resnetv2_spec


@dataclass(frozen=True, slots=True)
class TimmFamily:
    """The networks of one of timm's classes.

    Attributes:
        arguments: the arguments of the class that a spec can say.
        spec: function from a place, for messages, and these arguments to the spec, but for what all families share;
            with what the family's own head has besides.
    """

    arguments: type[TimmNetwork]
    spec: Callable[[str, Any], dict[str, Any]]


#: By the name that `timm_models.json` has for each.
FAMILIES = {
    "resnet": TimmFamily(TimmResNet, resnet_spec),
    "resnetv2": TimmFamily(TimmResNetV2, resnetv2_spec),
    "regnet": TimmFamily(TimmRegNet, regnet_spec),
    "convnext": TimmFamily(TimmConvNeXt, convnext_spec),
    "efficientnet": TimmFamily(TimmEfficientNet, efficientnet_spec),
    "mobilenetv2": TimmFamily(TimmMobileNetV2, mobilenet_v2_spec),
    "mobilenetv3": TimmFamily(TimmMobileNetV3, mobilenet_v3_spec),
}


@cache
def timm_facts() -> dict[str, Any]:
    """Return what `timm_models.json` holds: `timm` (its version), `architectures` and `weights`, by name."""
    return json.loads(Path(__file__).with_name("timm_models.json").read_text(encoding="utf-8"))


def timm_spec(
    architecture: str, model_args: Mapping[str, Any], *, pretrained_cfg: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the spec of a network that timm builds.

    Args:
        architecture: an entry point of timm, such as `resnet50d` or `regnety_032`.
        model_args: arguments that differ from the entry point's, by timm's names, as a hub's `config.json` states them;
            classes of layers by the texts that timm takes for them.
        pretrained_cfg: what timm says of a set of weights: `input_size`, `mean`, `std`, `crop_pct`, `crop_mode`,
            `interpolation` and `num_classes` are read. ImageNet's usual values where it is silent.

    Returns:
        A document of the form that `kresnet.spec` validates; a network without classes has the last stage's map as its
        output.

    Raises:
        KresnetError: `unknown_name` for another architecture; for what no spec can say, `unknown_field`, `wrong_value`,
            `wrong_type`, `out_of_range` or `contradiction`, naming the argument.
    """
    architectures = timm_facts()["architectures"]
    if architecture not in architectures:
        raise make_error(
            "unknown_name",
            f"{architecture} is no residual network of timm's that kresnet knows.",
            nearest=nearest(architecture, list(architectures)),
        )
    place = f"timm's {architecture}"
    configuration = _configuration(place, pretrained_cfg or {})
    facts = architectures[architecture]
    family = FAMILIES[facts["family"]]
    stated = {"num_classes": configuration.num_classes, "in_chans": configuration.input_size[0]}
    stated |= {**facts["model_args"], **model_args}
    arguments = validate(family.arguments, SourceDocument(place, stated))
    own = family.spec(place, arguments)
    document: dict[str, Any] = {
        "name": architecture,
        "source": f"timm {timm_facts()['timm']}, {architecture}",
        "input": _input(arguments, configuration),
        **own,
        "head": _head(arguments) | own.get("head", {}),
    }
    if arguments.output_stride < 32:
        document["output_stride"] = arguments.output_stride
    if arguments.drop_path_rate:
        document["stochastic_depth"] = arguments.drop_path_rate
    if problems := find_contradictions(validate(Spec, SourceDocument(place, document))):
        raise KresnetError(problems)
    return document


def _configuration(place: str, stated: Mapping[str, Any]) -> TimmConfiguration:
    """What is read of a configuration; what timm says besides is no concern of a spec."""
    known = {key: value for key, value in stated.items() if key in TimmConfiguration.model_fields}
    return validate(TimmConfiguration, SourceDocument(f"{place}, pretrained_cfg", known))


def _input(arguments: TimmNetwork, configuration: TimmConfiguration) -> dict[str, Any]:
    """Timm's evaluation: the shorter side becomes the crop over `crop_pct`, rounded down (`timm.data.transforms_*`)."""
    _, height, width = configuration.input_size
    resize: dict[str, Any] = {"kind": "stretch", "interpolation": configuration.interpolation}
    if configuration.crop_mode == "center":
        shorter_side = floor(min(height, width) / configuration.crop_pct)
        resize |= {"kind": "center_crop", "shorter_side": shorter_side}
    return {
        "shape": [height, width, arguments.in_chans],
        "pixels": {name: _of_each_channel(configuration, name, arguments.in_chans) for name in ("mean", "std")},
        "resize": resize,
    }


def _of_each_channel(configuration: TimmConfiguration, name: str, channels: int) -> list[float]:
    """ImageNet's mean or deviation, if none is stated; their average, unless there are three channels."""
    values = list(getattr(configuration, name))
    stated = name in configuration.model_fields_set
    return values if stated or channels == len(values) else [round(sum(values) / len(values), 3)]


def _head(arguments: TimmNetwork) -> dict[str, Any]:
    if arguments.num_classes == 0:
        return {"kind": "features", "stages": [arguments.stages]}
    head: dict[str, Any] = {"classes": arguments.num_classes}
    if arguments.global_pool == "max":
        head["pool"] = "max"
    if arguments.drop_rate:
        head["dropout"] = arguments.drop_rate
    return head


__all__ = ["FAMILIES", "TimmFamily", "timm_facts", "timm_spec"]
