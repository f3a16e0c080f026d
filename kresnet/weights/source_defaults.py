"""What a file's project always does and its weights do not say: padding, epsilon, momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kresnet.errors import KresnetError
from kresnet.plan import Plan, plan_loaded
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import Loaded, overridden
from kresnet.weights.layouts import Layout
from kresnet.weights.source import WeightFile

_PADS, _NORMS = {"ZeroPadding2D", "SymmetricPad"}, {"BatchNormalization", "FusedBatchNorm"}


@dataclass(slots=True)
class CarriedDefaults:
    """A spec with the habits of the weights' origin where it states nothing itself.

    Attributes:
        settings: what was taken over, by path.
        differing: what the spec states otherwise, by path: the spec's value and the origin's.
    """

    loaded: Loaded[Spec]
    plan: Plan
    settings: dict[str, Any]
    differing: dict[str, tuple[Any, Any]]


def carry_over(loaded: Loaded[Spec], plan: Plan, source: WeightFile, layout: Layout) -> CarriedDefaults:
    """Give a spec, whose plan it is, the habits of the layout, and of a `.keras` file's own layers."""
    carried = CarriedDefaults(loaded, plan, {}, {})
    stated, spec = loaded.source.values, loaded.value.document()
    for path, value in {**layout.habits, **_observed(source)}.items():
        own = _value(spec, path)
        if own == value or (path.startswith("norm.") and spec["norm"]["kind"] != "batch"):
            continue
        if _value(stated, path) is not None:
            carried.differing[path] = (own, value)
            continue
        settings = carried.settings | {path: value}
        try:
            changed = overridden(Spec, loaded.source, _overrides(settings, "norm" in stated), loaded.path)
            carried = CarriedDefaults(changed, plan_loaded(changed), settings, carried.differing)
        except KresnetError:  # it would change nothing: no window strides, or none can be padded so
            continue
    return carried


def _overrides(settings: dict[str, Any], states_norm: bool) -> list[str]:
    kind = [] if states_norm else ["norm.kind=batch"] * any(path.startswith("norm.") for path in settings)
    return [*kind, *(f"{path}={value}" for path, value in settings.items())]


def _value(document: Any, path: str) -> Any:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _observed(source: WeightFile) -> dict[str, Any]:
    """The habits that a `.keras` file states in its layers."""
    if not source.layers:
        return {}
    layers = source.layers.values()
    padded = bool(_PADS & {layer.kind for layer in layers})
    found: dict[str, Any] = {"convolution.padding": "symmetric" if padded else "same"}
    for field in ("epsilon", "momentum"):
        values = [layer.settings.get(field) for layer in layers if layer.kind in _NORMS]
        if values and isinstance(values[0], float) and values.count(values[0]) == len(values):
            found[f"norm.{field}"] = values[0]
    return found


__all__ = ["CarriedDefaults", "carry_over"]
