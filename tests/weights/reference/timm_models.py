"""What timm knows of its networks, as facts: the arguments of each entry point, and each set of weights.

In an environment with timm (`tests/weights/reference/make.py` says which), from the repository's root:

    python -m tests.weights.reference.timm_models [FAMILY...]

It writes `kresnet/weights/pretrained/timm_models.json`, or only what that says of the named families anew: the
arguments of timm's classes with their defaults; every entry point of the modules in `FAMILIES` with the arguments that
it makes a network of, classes and layers by their names in timm, the parameters that timm counts, and the
multiply-accumulates that PyTorch counts for one image of the size that timm gives it (half of
`torch.utils.flop_counter`); and every set of weights that timm can download, with what its configuration says of input,
classes, licence and origin.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers import (
    BatchNormAct2d,
    BlurPool2d,
    EvoNorm2dS0,
    FilterResponseNormTlu2d,
    GroupNormAct,
    SEModule,
    StdConv2d,
    create_conv2d,
)
from timm.models import (
    convnext,
    efficientnet,
    get_pretrained_cfg,
    list_pretrained,
    mobilenetv3,
    regnet,
    resnet,
    resnetv2,
)
from torch.utils.flop_counter import FlopCounterMode

FACTS = Path(__file__).parents[3] / "kresnet" / "weights" / "pretrained" / "timm_models.json"

#: What timm's source names by class -> the text that its factories take for it.
CLASSES = {
    resnet.BasicBlock: "BasicBlock",
    resnet.Bottleneck: "Bottleneck",
    torch.nn.ReLU: "relu",
    torch.nn.BatchNorm2d: "batchnorm2d",
    BatchNormAct2d: "batchnorm2d",
    GroupNormAct: "groupnormact",
    EvoNorm2dS0: "evonorms0",
    FilterResponseNormTlu2d: "frntlu",
    torch.nn.AvgPool2d: "avgpool",
    BlurPool2d: "blurpool",
    SEModule: "se",
    StdConv2d: "std_conv",
    create_conv2d: "conv2d",
}
#: Fields of a configuration that are taken over.
FIELDS = (
    *("num_classes", "input_size", "test_input_size", "crop_pct", "test_crop_pct", "crop_mode", "interpolation"),
    *("mean", "std", "license", "origin_url", "paper_ids"),
)


@dataclass(frozen=True)
class Family:
    """The entry points of one module of timm's.

    Attributes:
        module: the module.
        defaults: arguments of its class with their defaults.
        arguments: function from an entry point's name to the arguments that it makes its network of.
    """

    module: Any
    defaults: dict[str, Any]
    arguments: Callable[[str], dict[str, Any]]


def plain(value: Any) -> Any:
    """A value of timm's source as JSON; a layer with settings of its own is a mapping with its name."""
    if isinstance(value, partial):
        return {"name": plain(value.func), **value.keywords}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else CLASSES[value]


def defaults_of(network: Any) -> dict[str, Any]:
    """What one of timm's classes takes where an argument is not given; where it is made, and in which type, aside."""
    found = {each.name: each.default for each in signature(network).parameters.values()}
    return {
        name: plain(default)
        for name, default in found.items()
        if default is not Parameter.empty and name not in ("device", "dtype")
    }


def given_to(module: Any, create: str) -> Callable[[str], dict[str, Any]]:
    """The arguments that entry points give to the module's function `create`, but for the name."""

    def arguments(name: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        original = getattr(module, create)
        setattr(module, create, lambda variant, pretrained=False, **arguments: made.update(arguments))
        try:
            getattr(module, name)()
        finally:
            setattr(module, create, original)
        return plain(made)

    return arguments


def regnet_defaults() -> dict[str, Any]:
    """The fields of a RegNet's configuration, and the arguments of the class beside it."""
    own = {each.name: plain(each.default) for each in fields(regnet.RegNetCfg) if each.default is not MISSING}
    return own | defaults_of(regnet.RegNet)


def regnet_arguments(name: str) -> dict[str, Any]:
    """The fields of an entry point's configuration that are not the defaults, which the class takes as arguments."""
    stated = {each.name: plain(getattr(regnet.model_cfgs[name], each.name)) for each in fields(regnet.RegNetCfg)}
    differing = {key: value for key, value in stated.items() if value != regnet_defaults()[key]}
    return differing | given_to(regnet, "_create_regnet")(name)


#: The generators of networks whose specs kresnet can say -> the family.
GENERATORS = {
    "_gen_mobilenet_v2": "mobilenetv2",
    "_gen_mobilenet_v3": "mobilenetv3",
    **{f"_gen_{name}": "efficientnet" for name in ("efficientnet", "efficientnet_lite")},
    **{f"_gen_efficientnetv2_{size}": "efficientnet" for size in ("base", "s", "m", "l", "xl")},
}
#: Arguments that the class itself takes.
OF_CLASS = ("num_classes", "in_chans", "output_stride", "pad_type", "drop_rate", "drop_path_rate", "global_pool")


def generated(module: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Entry points of a module that a known generator makes: its name, and the arguments that it is given."""
    names = [name for name in vars(module) if name.startswith("_gen_")]
    originals, calls = {name: getattr(module, name) for name in names}, []
    for name in names:
        setattr(module, name, lambda *given, _name=name, **named: calls.append((_name, given[1:], named)))
    found = {}
    for entry in timm.list_models(module=module.__name__.rpartition(".")[2]):
        calls.clear()
        with contextlib.suppress(Exception):  # an entry point that calls no generator
            getattr(module, entry)()
        for generator, given, named in calls:
            if generator in GENERATORS:
                multiplier = {"channel_multiplier": given[0]} if given else {}
                rest = {key: value for key, value in named.items() if key != "pretrained"}
                found[entry] = (generator, plain(multiplier | rest) | named_arguments(generator, entry))
    for name, original in originals.items():
        setattr(module, name, original)
    return found


def named_arguments(generator: str, entry: str) -> dict[str, Any]:
    """What a generator reads of the name of an entry point."""
    if GENERATORS[generator] == "efficientnet":
        return {"variant": generator.removeprefix("_gen_efficientnet").strip("_") or "b"}
    if generator != "_gen_mobilenet_v3":
        return {}
    return {"size": "small" if "small" in entry else "large"} | ({"minimal": True} if "minimal" in entry else {})


def generator_defaults(module: Any, network: Any, generator: str) -> dict[str, Any]:
    """What a generator and its class take where an argument is not given."""
    stated = {each.name: each.default for each in signature(network).parameters.values() if each.name in OF_CLASS}
    return stated | {
        name: value
        for name, value in defaults_of(getattr(module, generator)).items()
        if name not in ("pretrained", "group_size")
    }


GENERATED = generated(efficientnet) | generated(mobilenetv3)
FAMILIES = {
    "efficientnet": Family(
        efficientnet,
        generator_defaults(efficientnet, efficientnet.EfficientNet, "_gen_efficientnet_lite"),
        lambda name: GENERATED[name][1],
    ),
    "convnext": Family(convnext, defaults_of(convnext.ConvNeXt), given_to(convnext, "_create_convnext")),
    "mobilenetv2": Family(
        efficientnet,
        generator_defaults(efficientnet, efficientnet.EfficientNet, "_gen_mobilenet_v2"),
        lambda name: GENERATED[name][1],
    ),
    "mobilenetv3": Family(
        mobilenetv3,
        generator_defaults(mobilenetv3, mobilenetv3.MobileNetV3, "_gen_mobilenet_v3"),
        lambda name: GENERATED[name][1],
    ),
    "resnet": Family(resnet, defaults_of(resnet.ResNet), given_to(resnet, "_create_resnet")),
    "regnet": Family(regnet, regnet_defaults(), regnet_arguments),
    "resnetv2": Family(resnetv2, defaults_of(resnetv2.ResNetV2), given_to(resnetv2, "_create_resnetv2")),
}


def entry_points(family: str) -> list[str]:
    """The entry points of a family: those of a generator, or all of a module."""
    if family in GENERATORS.values():
        return [name for name, (generator, _) in GENERATED.items() if GENERATORS[generator] == family]
    return timm.list_models(module=family)


def counts_of(name: str) -> dict[str, Any]:
    """Parameters, moving statistics aside, as timm's own tables count them; multiply-accumulates, as PyTorch does."""
    with torch.device("meta"):
        network = timm.create_model(name).eval()
        size = network.default_cfg["input_size"]
        image = torch.zeros(1, *size)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(image)
    parameters = sum(each.numel() for each in network.parameters())
    return {"parameters": parameters, "side": size[1], "macs": counter.get_total_flops() // 2}


def weights_of(name: str) -> dict[str, dict[str, Any]]:
    """Every set of weights of an entry point that timm can download, by its name on the hub."""
    found = {}
    for tagged in list_pretrained(f"{name}.*"):
        config = get_pretrained_cfg(tagged)
        stated = {field: getattr(config, field) for field in FIELDS}
        found[tagged] = {key: value for key, value in stated.items() if value is not None}
    return found


def main(families: list[str]) -> None:
    """Write the facts, a line an entry point and a line a set of weights."""
    named = {name: family for family in families or FAMILIES for name in entry_points(family)}
    architectures = {
        name: {"family": family, "model_args": FAMILIES[family].arguments(name), **counts_of(name)}
        for name, family in named.items()
    }
    weights = {tagged: config for name in named for tagged, config in weights_of(name).items()}
    if families:
        known = json.loads(FACTS.read_text(encoding="utf-8"))
        others = {name: facts for name, facts in known["architectures"].items() if facts["family"] not in families}
        architectures |= others
        weights |= {tagged: facts for tagged, facts in known["weights"].items() if tagged.partition(".")[0] in others}
    parts = [f'"timm": {json.dumps(timm.__version__)}']
    defaults = {name: family.defaults for name, family in FAMILIES.items()}
    for part, entries in (("defaults", defaults), ("architectures", architectures), ("weights", weights)):
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(entries.items()))
        parts.append(f'"{part}": {{\n{lines}\n  }}')
    FACTS.write_text("{\n  " + ",\n  ".join(parts) + "\n}\n", encoding="utf-8")
    print(f"{FACTS}: {len(architectures)} entry points, {len(weights)} sets of weights")


if __name__ == "__main__":
    main(sys.argv[1:])
