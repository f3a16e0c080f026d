"""Defaults of the project that weights come from, which the weights do not show: padding, epsilon, momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kresnet.errors import KresnetError
from kresnet.plan import Plan, plan_loaded
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, apply_overrides
from kresnet.weights.files.keras_graph import Operation
from kresnet.weights.files.weight_file import WeightFile
from kresnet.weights.keras_operations import PADDING
from kresnet.weights.layouts import Layout

_NORM_LAYERS = {"BatchNormalization", "FusedBatchNorm"}


@dataclass(slots=True)
class SpecWithSourceDefaults:
    """A spec with the defaults of the weights' project wherever it states no value itself.

    Attributes:
        loaded: the completed spec.
        plan: the plan of the completed spec.
        settings: the defaults that were applied, by the setting's path.
        differing: defaults that the spec contradicts, by the setting's path: the spec's value and the project's.
    """

    loaded: LoadedDocument[Spec]
    plan: Plan
    settings: dict[str, Any]
    differing: dict[str, tuple[Any, Any]]

    def with_settings(self, settings: dict[str, Any]) -> SpecWithSourceDefaults:
        """Return the spec with more settings applied.

        Raises:
            KresnetError: if the spec does not take them.
        """
        settings = self.settings | settings
        states_norm = "norm" in self.loaded.source.values
        changed = apply_overrides(Spec, self.loaded.source, _as_overrides(settings, states_norm), self.loaded.path)
        return SpecWithSourceDefaults(changed, plan_loaded(changed), settings, self.differing)


def apply_source_defaults(
    loaded: LoadedDocument[Spec], plan: Plan, source: WeightFile, layout: Layout
) -> SpecWithSourceDefaults:
    """Apply the defaults of a layout, and those that the layers of a `.keras` file state, to a spec.

    Args:
        loaded: the spec.
        plan: the plan of the spec.
        source: the file of weights.
        layout: the layout of the file's project.
    """
    completed = SpecWithSourceDefaults(loaded, plan, {}, {})
    stated, spec = loaded.source.values, loaded.value.document()
    for path, value in {**layout.defaults, **_defaults_from_layers(source)}.items():
        own = _value_at(spec, path)
        if own == value or (path.startswith("norm.") and spec["norm"]["kind"] != "batch"):
            continue
        if _value_at(stated, path) is not None:
            completed.differing[path] = (own, value)
            continue
        try:
            completed = completed.with_settings({path: value})
        except KresnetError:  # it would change nothing: no window strides, or none can be padded so
            continue
    return completed


def _as_overrides(settings: dict[str, Any], states_norm: bool) -> list[str]:
    kind = [] if states_norm else ["norm.kind=batch"] * any(path.startswith("norm.") for path in settings)
    return [*kind, *(f"{path}={value}" for path, value in settings.items())]


def _value_at(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _pads_both_sides(layer: Operation) -> bool:
    """Whether a layer pads a map alike on both sides; a window of TensorFlow's that strides has less before it."""
    value = layer.settings.get("padding", layer.settings.get("side"))
    pairs = value if isinstance(value, list | tuple) else [value]
    return layer.kind in PADDING and not any(isinstance(each, list | tuple) and len(set(each)) > 1 for each in pairs)


def _defaults_from_layers(source: WeightFile) -> dict[str, Any]:
    """Return the defaults that the layers of a `.keras` file state, by the setting's path."""
    if not source.graph:
        return {}
    layers = source.graph.operations.values()
    padded = any(_pads_both_sides(layer) or float("-inf") in layer.arguments for layer in layers)
    defaults: dict[str, Any] = {"convolution.padding": "symmetric" if padded else "same"}
    for field in ("epsilon", "momentum"):
        values = [layer.settings.get(field) for layer in layers if layer.kind in _NORM_LAYERS]
        if values and isinstance(values[0], float) and values.count(values[0]) == len(values):
            defaults[f"norm.{field}"] = values[0]
    return defaults


__all__ = ["SpecWithSourceDefaults", "apply_source_defaults"]
