"""How others name the layers of a residual network: a function of a plan's record, one for each project.

None is a table of a model: a name follows from the record's stage, block and part, so that any depth, width, stem or
shortcut that the plan can say has its name, or none where the project has no such layer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.plan import Parameter, Plan, Record

#: The layer's name in the source; None where the project builds no such layer.
Naming = Callable[[Record, Plan], str | None]

_PYTORCH = {"kernel": "weight", "gamma": "weight", "beta": "bias"}
_PYTORCH |= {"bias": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@dataclass(frozen=True, slots=True)
class Layout:
    """A project's names and habits.

    Attributes:
        format: `pytorch` or `keras`.
        layer: name of a record's layer.
        habits: settings of a spec that every network of the project has, by path.
        ignored: ends of the names of tensors that are no weights.
    """

    name: str
    format: str
    layer: Naming
    habits: Mapping[str, Any]
    ignored: tuple[str, ...] = ()

    def tensor(self, record: Record, parameter: Parameter, plan: Plan) -> str | None:
        """The name of the tensor that the record's parameter is loaded from."""
        if (layer := self.layer(record, plan)) is None:
            return None
        return f"{layer}.{_PYTORCH[parameter.name]}" if self.format == "pytorch" else f"{layer}/{parameter.name}"


def _part(record: Record) -> tuple[str, str]:
    """The record within its block (or stem, or head): kind and number, such as `("conv", "2")`."""
    place = f"stage{record.stage}.block{record.block}." if record.block else ""
    found = re.fullmatch(r"(.*?)(\d*)", record.name.removeprefix(place))
    assert found
    return found[1], found[2]


def _torchvision(record: Record, plan: Plan) -> str | None:
    kind, number = _part(record)
    if record.block is None:
        return {"stem.conv": "conv1", "stem.norm": "bn1", "head.logits": "fc"}.get(kind + number)
    layers = {"conv": f"conv{number}", "norm": f"bn{number}"}
    layers |= {"shortcut.conv": "downsample.0", "shortcut.norm": "downsample.1"}
    return f"layer{record.stage}.{record.block - 1}.{layers[kind]}" if kind in layers else None


def _timm(record: Record, plan: Plan) -> str | None:
    """As torchvision, with a deep stem, a pool before the shortcut's convolution, squeeze-excite and a strided pool."""
    kind, number = _part(record)
    if record.block is None:
        last = sum(name.startswith("stem.conv") and name[9:].isdigit() for name in plan.by_name)
        if kind in ("stem.conv", "stem.norm") and number:  # convolution, norm and activation take turns
            if kind == "stem.norm" and int(number) == last:
                return "bn1"
            return f"conv1.{3 * (int(number) - 1) + (kind == 'stem.norm')}"
        return {"stem.conv_pool": "maxpool.0", "stem.norm_pool": "maxpool.1"}.get(kind, _torchvision(record, plan))
    pooled = any(name.endswith(".shortcut.pool") for name in plan.by_name)
    layers = {"squeeze_excite.reduce": "se.fc1", "squeeze_excite.expand": "se.fc2"}
    if pooled:
        layers |= {"shortcut.conv": "downsample.1", "shortcut.norm": "downsample.2"}
    unit = f"layer{record.stage}.{record.block - 1}"
    return f"{unit}.{layers[kind]}" if kind in layers else _torchvision(record, plan)


def _cifar_pytorch(record: Record, plan: Plan) -> str | None:
    """Idelbayev's 6n+2 networks (github.com/akamaster/pytorch_resnet_cifar10)."""
    if record.name == "head.logits":
        return "linear"
    name = _torchvision(record, plan)
    return name and name.replace("downsample", "shortcut")


def _transformers(record: Record, plan: Plan) -> str | None:
    """Hugging Face transformers' ResNetForImageClassification."""
    kind, number = _part(record)
    part = {"conv": "convolution", "norm": "normalization"}.get(kind.rpartition(".")[2])
    if record.block is None:
        return "classifier.1" if kind == "head.logits" else part and f"resnet.embedder.embedder.{part}"
    unit = f"resnet.encoder.stages.{(record.stage or 1) - 1}.layers.{record.block - 1}"
    if kind.startswith("shortcut."):
        return part and f"{unit}.shortcut.{part}"
    return f"{unit}.layer.{int(number) - 1}.{part}" if part and number else None


def _keras_applications(record: Record, plan: Plan) -> str | None:
    """keras.applications; in version 2 a norm stands before the convolution of its number."""
    kind, number = _part(record)
    if record.block is None:
        names = {"stem.conv": "conv1_conv", "stem.norm": "conv1_bn", "head.logits": "predictions"}
        names[f"stage{max(r.stage or 0 for r in plan.records)}.norm"] = "post_bn"
        return names.get(record.name)
    unit = f"conv{(record.stage or 1) + 1}_block{record.block}"
    if kind == "norm":
        block = f"stage{record.stage}.block{record.block}"
        before = plan.by_name[f"{block}.norm1"].inputs != (f"{block}.conv1",)
        number = str(int(number) - 1) if before else number
        return f"{unit}_preact_bn" if number == "0" else f"{unit}_{number}_bn"
    names = {"conv": f"{number}_conv", "shortcut.conv": "0_conv", "shortcut.norm": "0_bn"}
    return f"{unit}_{names[kind]}" if kind in names else None


def _kresnet(record: Record, plan: Plan) -> str | None:
    return record.name


def _habits(padding: str, epsilon: float, momentum: float) -> dict[str, Any]:
    return {"convolution.padding": padding, "norm.epsilon": epsilon, "norm.momentum": momentum}


_OF_PYTORCH = _habits("symmetric", 1e-5, 0.9)  # torch.nn.BatchNorm2d: momentum 0.1, in the opposite sense
_OF_KERAS_APPLICATIONS = _habits("symmetric", 1.001e-5, 0.99)
_COUNTERS = (".num_batches_tracked",)

#: In the order in which `auto` prefers them where several fit alike.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("torchvision", "pytorch", _torchvision, _OF_PYTORCH, _COUNTERS),
        Layout("timm", "pytorch", _timm, _OF_PYTORCH, _COUNTERS),
        Layout("cifar-pytorch", "pytorch", _cifar_pytorch, _OF_PYTORCH, _COUNTERS),
        Layout("transformers", "pytorch", _transformers, _OF_PYTORCH, _COUNTERS),
        Layout("keras-applications", "keras", _keras_applications, _OF_KERAS_APPLICATIONS),
        Layout("kresnet", "keras", _kresnet, {}),
    )
}

__all__ = ["LAYOUTS", "Layout"]
