"""The names that other projects give to the layers of a network: one function of a plan's record a class of networks.

There is no table of names for any model: a name follows from the record's stage, block and kind, so that networks of
any depth, width, stem and shortcut have their names. Where the project builds no such layer, there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kresnet.plan import Parameter, Plan, Record
from kresnet.plan.kinds import BLOCKS, LayerNames
from kresnet.weights.family_names import (
    block_layer,
    keras_convnext,
    keras_convnext_block,
    timm_convnext,
    timm_convnext_block,
    timm_regnet,
    timm_regnet_block,
    timm_resnetv2,
    timm_resnetv2_block,
)
from kresnet.weights.inverted_names import (
    keras_2_mobilenet_v3,
    keras_efficientnet,
    keras_efficientnet_v2,
    keras_mobilenet_v2,
    keras_mobilenet_v3,
    timm_inverted,
    timm_inverted_block,
    timm_mobilenet_v3,
)

#: The layer's name in the source; None where the project builds no such layer.
Naming = Callable[[Record, Plan], str | None]

_PYTORCH_VARIABLE_NAMES = {"kernel": "weight", "gamma": "weight", "beta": "bias"}
_PYTORCH_VARIABLE_NAMES |= {"bias": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of one project's weights: its names, and the settings that all its networks share.

    Attributes:
        name: name of the project, as `--layout` takes it.
        format: `pytorch` or `keras`.
        layer: function from a record and its plan to the layer's name.
        block: function from a record of a block to what the names of the block's layers begin with.
        defaults: values of spec settings that every network of the project has, by the setting's path.
        ignored: suffixes of the names of tensors that are no weights.
        families: layouts of the same name, of other classes of networks of the project.
        prefix_before: what follows the name of the model in that of its first weight, where the project's layers begin
            with that name; empty where they do not.
    """

    name: str
    format: str
    layer: Naming
    block: Callable[[Record], str]
    defaults: Mapping[str, Any]
    ignored: tuple[str, ...] = ()
    families: Mapping[str, Layout] = field(default_factory=dict)
    prefix_before: str = ""

    def of_family(self, family: str) -> Layout:
        """Return the layout of a class of networks of the project; this one where it has none of its own."""
        return self.families.get(family, self)

    def tensor(self, record: Record, parameter: Parameter, plan: Plan) -> str | None:
        """Return the name of the tensor that a record's parameter is loaded from; None if the project has none."""
        own = self._names_of_kind(record, plan)
        if isinstance(own, Mapping):
            name = record.name.removeprefix(f"stage{record.stage}.block{record.block}.")
            if tensor := own.get(f"{name}/{parameter.name}"):
                return f"{self.block(record)}{tensor}"
            layer = f"{self.block(record)}{own[name]}" if name in own else self.layer(record, plan)
        else:
            layer = (own or self.layer)(record, plan)
        if layer is None:
            return None
        return (
            f"{layer}.{_PYTORCH_VARIABLE_NAMES.get(parameter.name, parameter.name)}"
            if self.format == "pytorch"
            else f"{layer}/{parameter.name}"
        )

    def _names_of_kind(self, record: Record, plan: Plan) -> LayerNames | None:
        """The names that the kind of a record's block brings for this layout."""
        if not (record.stage and record.block and plan.block_kinds):
            return None
        kind = BLOCKS.get(plan.block_kinds[record.stage - 1])
        return kind.names.get(self.name) if kind else None


def _torchvision_block(record: Record) -> str:
    return f"layer{record.stage}.{(record.block or 1) - 1}."


def _torchvision(record: Record, plan: Plan) -> str | None:
    kind, number = block_layer(record)
    if record.block is None:
        return {"stem.conv": "conv1", "stem.norm": "bn1", "head.logits": "fc"}.get(kind + number)
    layers = {"conv": f"conv{number}", "norm": f"bn{number}"}
    layers |= {"shortcut.conv": "downsample.0", "shortcut.norm": "downsample.1"}
    return f"{_torchvision_block(record)}{layers[kind]}" if kind in layers else None


def _timm(record: Record, plan: Plan) -> str | None:
    """Names of timm: torchvision's, and those of deep stems, pooled shortcuts, squeeze-excite and strided pools."""
    kind, number = block_layer(record)
    if record.block is None:
        last = sum(name.startswith("stem.conv") and name[9:].isdigit() for name in plan.by_name)
        if kind in ("stem.conv", "stem.norm") and number:  # convolution, norm and activation take turns
            if kind == "stem.norm" and int(number) == last:
                return "bn1"
            return f"conv1.{3 * (int(number) - 1) + (kind == 'stem.norm')}"
        return {"stem.conv_pool": "maxpool.0", "stem.norm_pool": "maxpool.1"}.get(kind, _torchvision(record, plan))
    pooled = any(name.endswith(".shortcut.pool") for name in plan.by_name)
    layers = {"squeeze_excite.reduce": "se.fc1", "squeeze_excite.expand": "se.fc2", "efficient_channel.conv": "se.conv"}
    if pooled:
        layers |= {"shortcut.conv": "downsample.1", "shortcut.norm": "downsample.2"}
    return f"{_torchvision_block(record)}{layers[kind]}" if kind in layers else _torchvision(record, plan)


def _cifar_pytorch(record: Record, plan: Plan) -> str | None:
    """Names of Idelbayev's 6n+2 networks (github.com/akamaster/pytorch_resnet_cifar10)."""
    if record.name == "head.logits":
        return "linear"
    name = _torchvision(record, plan)
    return name and name.replace("downsample", "shortcut")


def _transformers_block(record: Record) -> str:
    return f"resnet.encoder.stages.{(record.stage or 1) - 1}.layers.{(record.block or 1) - 1}."


def _transformers(record: Record, plan: Plan) -> str | None:
    """Names of Hugging Face transformers' ResNetForImageClassification."""
    kind, number = block_layer(record)
    part = {"conv": "convolution", "norm": "normalization"}.get(kind.rpartition(".")[2])
    if record.block is None:
        return "classifier.1" if kind == "head.logits" else part and f"resnet.embedder.embedder.{part}"
    block = _transformers_block(record)
    if kind.startswith("shortcut."):
        return part and f"{block}shortcut.{part}"
    return f"{block}layer.{int(number) - 1}.{part}" if part and number else None


def _keras_applications_block(record: Record) -> str:
    return f"conv{(record.stage or 1) + 1}_block{record.block}_"


def _keras_applications(record: Record, plan: Plan) -> str | None:
    return _keras_name(record, plan, _keras_applications_block(record), "preact_bn")


def _keras_hub_block(record: Record) -> str:
    return f"stack{(record.stage or 1) - 1}_block{(record.block or 1) - 1}_"


def _keras_hub(record: Record, plan: Plan) -> str | None:
    """Names of KerasHub's `ResNetBackbone` and the classifier on it."""
    return _keras_name(record, plan, _keras_hub_block(record), "pre_activation_bn")


def _keras_name(record: Record, plan: Plan, block: str, first_norm: str) -> str | None:
    """The names that both have alike; in their version 2, a norm stands before the convolution of its number.

    Args:
        record: the record to name.
        plan: its plan.
        block: what names of its block begin with.
        first_norm: the name of the norm with which a block of version 2 begins.
    """
    kind, number = block_layer(record)
    if record.block is None:
        names = {"stem.conv": f"conv{number or 1}_conv", "stem.norm": f"conv{number or 1}_bn"}
        last = f"stage{max(r.stage or 0 for r in plan.records)}.norm"
        return {"head.logits": "predictions", last: "post_bn"}.get(record.name) or names.get(kind)
    if kind == "norm" and number:  # a block of another class has one norm, of no number
        own = f"stage{record.stage}.block{record.block}"
        before = plan.by_name[f"{own}.norm1"].inputs != (f"{own}.conv1",)
        number = str(int(number) - 1) if before else number
        return f"{block}{first_norm}" if number == "0" else f"{block}{number}_bn"
    names = {"conv": f"{number}_conv", "shortcut.conv": "0_conv", "shortcut.norm": "0_bn"}
    return f"{block}{names[kind]}" if kind in names else None


def _kresnet_block(record: Record) -> str:
    return f"stage{record.stage}.block{record.block}."


def _kresnet(record: Record, plan: Plan) -> str | None:
    return record.name


def _defaults(padding: str, epsilon: float, momentum: float) -> dict[str, Any]:
    return {"convolution.padding": padding, "norm.epsilon": epsilon, "norm.momentum": momentum}


_PYTORCH_DEFAULTS = _defaults("symmetric", 1e-5, 0.9)  # torch.nn.BatchNorm2d: momentum 0.1, in the opposite sense
_KERAS_APPLICATIONS_DEFAULTS = _defaults("symmetric", 1.001e-5, 0.99)
_KERAS_HUB_DEFAULTS = _defaults("symmetric", 1e-5, 0.9) | {"convolution.bias": "never"}
#: Of batch norms, and of torch.optim.swa_utils.AveragedModel.
_COUNTERS = (".num_batches_tracked", "n_averaged")

_TIMM = Layout("timm", "pytorch", _timm, _torchvision_block, _PYTORCH_DEFAULTS, _COUNTERS)
_TIMM_FAMILIES = {
    "resnetv2": replace(_TIMM, layer=timm_resnetv2, block=timm_resnetv2_block),
    "regnet": replace(_TIMM, layer=timm_regnet, block=timm_regnet_block),
    "convnext": replace(_TIMM, layer=timm_convnext, block=timm_convnext_block),
    "efficientnet": replace(_TIMM, layer=timm_inverted, block=timm_inverted_block),
    "mobilenetv2": replace(_TIMM, layer=timm_inverted, block=timm_inverted_block),
    "mobilenetv3": replace(_TIMM, layer=timm_mobilenet_v3, block=timm_inverted_block),
}
_KERAS = Layout(
    "keras-applications", "keras", _keras_applications, _keras_applications_block, _KERAS_APPLICATIONS_DEFAULTS
)
#: Of networks of inverted blocks: they pad as TensorFlow does, and their norms have other settings.
_KERAS_INVERTED = replace(_KERAS, defaults=_defaults("same", 1e-3, 0.999))
_KERAS_EFFICIENTNET = replace(
    _KERAS,
    defaults=_defaults("same", 1e-3, 0.99),
    ignored=tuple(
        f"normalization/{name}" for name in ("0", "1", "2", "gamma", "beta")
    ),  # of pixels, which a spec states
)
_KERAS_FAMILIES = {
    "convnext": replace(
        _KERAS, layer=keras_convnext, block=keras_convnext_block, defaults={}, prefix_before="_stem_conv/kernel"
    ),
    "efficientnet": replace(_KERAS_EFFICIENTNET, layer=keras_efficientnet),
    "efficientnet_v2": replace(_KERAS_EFFICIENTNET, layer=keras_efficientnet_v2, defaults=_defaults("same", 1e-3, 0.9)),
    "mobilenet_v2": replace(_KERAS_INVERTED, layer=keras_mobilenet_v2),
    "mobilenet_v3": replace(_KERAS_INVERTED, layer=keras_mobilenet_v3),
    "mobilenet_v3_keras_2": replace(_KERAS_INVERTED, layer=keras_2_mobilenet_v3),
}

#: In the order in which `auto` prefers them where several fit alike.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout("torchvision", "pytorch", _torchvision, _torchvision_block, _PYTORCH_DEFAULTS, _COUNTERS),
        replace(_TIMM, families=_TIMM_FAMILIES),
        Layout("cifar-pytorch", "pytorch", _cifar_pytorch, _torchvision_block, _PYTORCH_DEFAULTS, _COUNTERS),
        Layout("transformers", "pytorch", _transformers, _transformers_block, _PYTORCH_DEFAULTS, _COUNTERS),
        replace(_KERAS, families=_KERAS_FAMILIES),
        Layout("keras-hub", "keras", _keras_hub, _keras_hub_block, _KERAS_HUB_DEFAULTS),
        Layout("kresnet", "keras", _kresnet, _kresnet_block, {}),
    )
}

__all__ = ["LAYOUTS", "Layout"]
