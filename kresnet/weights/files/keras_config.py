"""The description of a network in a `.keras` file, read as data: no class that it names is looked up or instantiated.

Keras builds a network from `config.json` by importing the modules and calling the classes named there. Its safe mode
has been bypassed again and again (CVE-2024-3660, CVE-2025-1550, CVE-2025-8747, CVE-2025-9906; by a vocabulary that is a
path or a URL, CVE-2025-12058). An untrusted description is therefore never built here: it is compared with the plan,
and only the weights are taken from the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.plan import Plan, Record
from kresnet.plan.kinds import comes_with_its_layer
from kresnet.plan.records import STOCK_NAME
from kresnet.spec.inputs import Pixels
from kresnet.weights.files.keras_graph import graph_of_model
from kresnet.weights.files.pixel_arithmetic import NotLinearError, PixelMap, read_pixel_map

#: What stands in a file for a layer that Keras has not: another one, or a model of the operations that it makes.
_STAND_INS = {
    "NormalizePixels": ("Rescaling", "Functional"),
    "SymmetricPad": ("ZeroPadding2D", "Functional"),
    "StochasticDepth": ("Dropout",),
    "LayerScale": ("EinsumDense",),
    "GlobalResponseNorm": ("Functional",),
    **dict.fromkeys(
        ("IdentityPad", "StridedPad", "DilatedAveragePooling", "BlurPool2D", "StandardizedConv2D"), ("Functional",)
    ),
}


_QUOTED_STOCK_NAME = re.compile(f'"{STOCK_NAME.pattern}"'.encode())


@dataclass(frozen=True, slots=True)
class LayerConfig:
    """The configuration of a layer in a `.keras` file.

    Attributes:
        kind: name of the layer's class, without a package.
        settings: the layer's configuration, as its `get_config` gave it.
        inputs: names of the layers whose outputs it takes, in order.
    """

    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]


def with_record_names(text: bytes) -> bytes:
    """Return a `config.json` in which kresnet's layers have the names of their records."""
    return _QUOTED_STOCK_NAME.sub(lambda found: found[0].replace(b"-", b"."), text)


def read_layer_configs(text: bytes) -> dict[str, LayerConfig]:
    """Return the layers that a `config.json` describes, by name; none if it describes no network of layers.

    Raises:
        ValueError, RecursionError: if it is not JSON.
    """
    document = json.loads(text)
    entries = _as_mapping(_as_mapping(document).get("config")).get("layers")
    layers = {}
    for entry in entries if isinstance(entries, list) else ():
        settings = _as_mapping(_as_mapping(entry).get("config"))
        if isinstance(name := settings.get("name"), str):
            kind = str(entry.get("class_name")).rpartition(">")[2]
            layers[name] = LayerConfig(kind, settings, tuple(_input_layer_names(entry.get("inbound_nodes"))))
    return layers


def network_differences(plan: Plan, layers: Mapping[str, LayerConfig], kinds: Mapping[str, str]) -> list[str]:
    """Return how a file's network differs from a plan's, a line for each layer that is absent, added or different.

    Args:
        plan: the plan of the network that the file should hold.
        layers: the file's layers, by name.
        kinds: the name of the class of each of the plan's layers, by the layer's name.
    """
    records = {record.name: record for record in plan.records}
    lines = [f"{name}: not in the file" for name in records if name not in layers]
    lines += [f"{name}: only in the file ({layers[name].kind})" for name in layers if name not in records]
    for record in plan.records:
        if layer := layers.get(record.name):
            lines += [f"{record.name}: {text}" for text in _layer_differences(record, layer, kinds[record.name])]
    return lines


def differing_settings(record: Record, layer: LayerConfig) -> Iterator[tuple[str, Any, Any]]:
    """Yield each setting that a layer and a record both state and that differs: name, the layer's value, the record's.

    Args:
        record: the record of the plan.
        layer: the layer of the file.
    """
    if record.kind == "normalize" and layer.kind in _STAND_INS["NormalizePixels"]:
        yield from _differing_pixels(record, layer)
        return
    for name, in_file in _comparable_settings(layer.settings).items():
        in_plan = record.settings.get(name)
        in_plan = list(in_plan) if isinstance(in_plan, tuple) else in_plan
        if in_plan is not None and in_plan != in_file:
            yield name, in_file, in_plan


def _differing_pixels(record: Record, layer: LayerConfig) -> Iterator[tuple[str, Any, Any]]:
    """Yield what `differing_settings` does where Keras's own layers make numbers of pixels."""
    own = PixelMap.from_spec(Pixels.model_validate(dict(record.settings)), record.shape[-1])
    found = _pixel_map(layer, record.shape[-1])
    if found is None or not (found.scale * own.scale > 0).all():
        yield "the map of pixels", "none of a spec's", dict(record.settings)
    elif not found.equals(own):
        in_file, in_plan = (each.mean_and_std(*record.settings["range"]) for each in (found, own))
        yield from ((name, in_file[name], in_plan[name]) for name in in_file if in_file[name] != in_plan[name])
        if found.sources != own.sources:
            yield "channel_order", "another one", record.settings["channel_order"]


def _pixel_map(layer: LayerConfig, channels: int) -> PixelMap | None:
    """Return what a layer of Keras's own makes of pixels; None where no `input.pixels` says it."""
    config: Mapping[str, Any] = layer.settings
    if layer.kind != "Functional":
        source = {"class_name": "InputLayer", "config": {"name": "input"}}
        config = {"layers": [source, {"class_name": layer.kind, "config": layer.settings}]}
    graph = graph_of_model(config)
    try:
        return read_pixel_map(graph, graph.output, channels, {}, ()) if graph else None
    except NotLinearError:
        return None


def _layer_differences(record: Record, layer: LayerConfig, kind: str) -> Iterator[str]:
    own = ("Functional",) if comes_with_its_layer(record) else _STAND_INS.get(kind, ())
    if layer.kind not in (kind, *own):
        yield f"a {layer.kind} in the file, a {kind} here"
    if layer.inputs != record.inputs:
        yield f"reads {', '.join(layer.inputs) or 'nothing'} in the file, {', '.join(record.inputs) or 'nothing'} here"
    for name, in_file, in_plan in differing_settings(record, layer):
        yield f"{name} is {in_file} in the file, {in_plan} here"


def _comparable_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a layer that a plan's record has too, by the plan's names."""
    names = {"strides": "stride", "activation": "function"}
    compared = ("range", "mean", "std", "channel_order", "epsilon", "strides", "activation", "padding", "groups")
    values = {names.get(key, key): settings[key] for key in compared if key in settings}
    if isinstance(stride := values.get("stride"), list) and stride:
        values["stride"] = stride[0]
    return values


def _input_layer_names(node: Any) -> Iterator[str]:
    """Yield the names of the layers whose outputs `inbound_nodes` refers to."""
    if isinstance(node, dict):
        history = _as_mapping(node.get("config")).get("keras_history")
        if node.get("class_name") == "__keras_tensor__" and isinstance(history, list) and history:
            yield str(history[0])
        else:
            for value in node.values():
                yield from _input_layer_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _input_layer_names(value)


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


__all__ = ["LayerConfig", "differing_settings", "network_differences", "read_layer_configs", "with_record_names"]
