"""What timm knows of its residual networks, as facts: the arguments of each entry point, and each set of weights.

In an environment with timm (`tests/weights/reference/make.py` says which), from the repository's root:

    python -m tests.weights.reference.timm_models

It writes `kresnet/weights/pretrained/timm_models.json`: the arguments of timm's `ResNet` with their defaults; every
entry point of `timm/models/resnet.py` with the arguments that it makes a network of, classes and layers by their names
in timm, and the number of parameters that timm counts; and every set of weights that timm can download, with what its
configuration says of input, classes, licence and origin.
"""

from __future__ import annotations

import json
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import timm
import torch
from timm.layers import BlurPool2d, SEModule
from timm.models import resnet

FACTS = Path(__file__).parents[3] / "kresnet" / "weights" / "pretrained" / "timm_models.json"

#: What timm's source names by class -> the text that its factories take for it.
CLASSES = {
    resnet.BasicBlock: "BasicBlock",
    resnet.Bottleneck: "Bottleneck",
    torch.nn.ReLU: "relu",
    torch.nn.BatchNorm2d: "batchnorm2d",
    torch.nn.AvgPool2d: "avgpool",
    BlurPool2d: "blurpool",
    SEModule: "se",
}
#: Fields of a configuration that are taken over.
FIELDS = (
    *("num_classes", "input_size", "test_input_size", "crop_pct", "test_crop_pct", "crop_mode", "interpolation"),
    *("mean", "std", "license", "origin_url", "paper_ids"),
)


def plain(value: Any) -> Any:
    """A value of timm's source as JSON; a layer with settings of its own is a mapping with its name."""
    if isinstance(value, partial):
        return {"name": plain(value.func), **value.keywords}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else CLASSES[value]


def defaults() -> dict[str, Any]:
    """What timm's `ResNet` takes where an argument is not given; where and in which type it is made, left aside."""
    found = {each.name: each.default for each in signature(resnet.ResNet).parameters.values()}
    return {
        name: plain(default)
        for name, default in found.items()
        if default is not Parameter.empty and name not in ("device", "dtype")
    }


def arguments_of(name: str) -> dict[str, Any]:
    """The arguments that an entry point makes its network of."""
    made: dict[str, Any] = {}
    create = resnet._create_resnet
    resnet._create_resnet = lambda variant, pretrained=False, **arguments: made.update(arguments)
    try:
        getattr(resnet, name)()
    finally:
        resnet._create_resnet = create
    return plain(made)


def parameters_of(name: str) -> int:
    """The parameters of the network, moving statistics aside, as timm's own tables count them."""
    with torch.device("meta"):
        network = timm.create_model(name)
    return sum(each.numel() for each in network.parameters())


def weights_of(name: str) -> dict[str, dict[str, Any]]:
    """Every set of weights of an entry point that timm can download, by its name on the hub."""
    found = {}
    for tag, config in resnet.default_cfgs[name].cfgs.items():
        if config.has_weights:
            fields = {field: getattr(config, field) for field in FIELDS}
            found[f"{name}.{tag}"] = {key: value for key, value in fields.items() if value is not None}
    return found


def main() -> None:
    """Write the facts, a line an entry point and a line a set of weights."""
    names = timm.list_models(module="resnet")
    architectures = {name: {"model_args": arguments_of(name), "parameters": parameters_of(name)} for name in names}
    weights = {tagged: config for name in names for tagged, config in weights_of(name).items()}
    parts = [f'"timm": {json.dumps(timm.__version__)}', f'"defaults": {json.dumps(defaults())}']
    for part, entries in (("architectures", architectures), ("weights", weights)):
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(entries.items()))
        parts.append(f'"{part}": {{\n{lines}\n  }}')
    FACTS.write_text("{\n  " + ",\n  ".join(parts) + "\n}\n", encoding="utf-8")
    print(f"{FACTS}: {len(architectures)} entry points, {len(weights)} sets of weights")


if __name__ == "__main__":
    main()
