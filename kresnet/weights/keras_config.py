"""What a `.keras` file says of its network, read as data: no class that it names is looked up, let alone made.

Keras builds a network from `config.json` by importing the modules and calling the classes named there. Its safe mode
has been passed by again and again (CVE-2024-3660, CVE-2025-1550, CVE-2025-8747, CVE-2025-9906; by a vocabulary that is
a path or a URL, CVE-2025-12058), so a stranger's description is never built here: it is compared with the plan, and
only the weights are taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kresnet.plan import Plan, Record


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a `.keras` file.

    Attributes:
        kind: its class's name, without a package.
        settings: what it is configured with.
        inputs: names of the layers that it reads, in order.
    """

    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]


def layers_of(text: bytes) -> dict[str, Layer]:
    """The layers of a `config.json`, by name; none if it describes no network of layers.

    Raises:
        ValueError, RecursionError: if it is not JSON.
    """
    document = json.loads(text)
    entries = _mapping(_mapping(document).get("config")).get("layers")
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        settings = _mapping(_mapping(entry).get("config"))
        if isinstance(name := settings.get("name"), str):
            kind = str(entry.get("class_name")).rpartition(">")[2]
            found[name] = Layer(kind, settings, tuple(_origins(entry.get("inbound_nodes"))))
    return found


def differences(plan: Plan, layers: Mapping[str, Layer], kinds: Mapping[str, str]) -> list[str]:
    """How a file's network differs from the plan's: layers absent, added, of another class, wired or set otherwise.

    Args:
        plan: the network that it should be.
        layers: of the file.
        kinds: the class's name of each of the plan's layers.
    """
    records = {record.name: record for record in plan.records}
    told = [f"{name}: not in the file" for name in records if name not in layers]
    told += [f"{name}: only in the file ({layers[name].kind})" for name in layers if name not in records]
    for record in plan.records:
        if layer := layers.get(record.name):
            told += [f"{record.name}: {text}" for text in _layer_differences(record, layer, kinds[record.name])]
    return told


def settings_that_differ(record: Record, layer: Layer) -> Iterator[tuple[str, Any, Any]]:
    """Setting, value in the file and value in the plan, where both state one."""
    for field, theirs in _comparable(layer.settings).items():
        own = record.settings.get(field)
        own = list(own) if isinstance(own, tuple) else own
        if own is not None and own != theirs:
            yield field, theirs, own


def _layer_differences(record: Record, layer: Layer, kind: str) -> Iterator[str]:
    if layer.kind != kind:
        yield f"a {layer.kind} in the file, a {kind} here"
    if layer.inputs != record.inputs:
        yield f"reads {', '.join(layer.inputs) or 'nothing'} in the file, {', '.join(record.inputs) or 'nothing'} here"
    for field, theirs, own in settings_that_differ(record, layer):
        yield f"{field} is {theirs} in the file, {own} here"


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a plan's record that a layer's configuration states, by the plan's names."""
    names = {"strides": "stride", "activation": "function"}
    kept = ("range", "mean", "std", "channel_order", "epsilon", "strides", "activation", "padding", "groups")
    values = {names.get(key, key): settings[key] for key in kept if key in settings}
    if isinstance(stride := values.get("stride"), list) and stride:
        values["stride"] = stride[0]
    return values


def _origins(node: Any) -> Iterator[str]:
    """Names of the layers whose outputs `inbound_nodes` refers to."""
    if isinstance(node, dict):
        history = _mapping(node.get("config")).get("keras_history")
        if node.get("class_name") == "__keras_tensor__" and isinstance(history, list) and history:
            yield str(history[0])
        else:
            for value in node.values():
                yield from _origins(value)
    elif isinstance(node, list):
        for value in node:
            yield from _origins(value)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


__all__ = ["Layer", "differences", "layers_of", "settings_that_differ"]
