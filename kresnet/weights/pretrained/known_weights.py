"""Weights that are known by name without asking a server: those of timm's own list, and of keras.applications."""

from __future__ import annotations

from functools import cache
from typing import Any

from kresnet.errors import KresnetError
from kresnet.plan import lower
from kresnet.spec.architecture import Spec
from kresnet.spec.document import SourceDocument
from kresnet.spec.loading import load_spec
from kresnet.spec.validation import validate
from kresnet.weights.pretrained.keras_files import KERAS_FILES, LICENCE, KerasFile
from kresnet.weights.pretrained.timm_architectures import FAMILIES, timm_facts


def known_weights() -> list[dict[str, Any]]:
    """Return a mapping for each set of weights.

    Returns:
        `name`, `architecture`, `parameters` (as their origin counts them), `classes`, `input` and `test_input` (sides
        in pixels), `crop_pct`, `interpolation`, `licence` and `origin`.
    """
    facts = timm_facts()
    found = []
    for name, entry in facts["weights"].items():
        architecture = name.partition(".")[0]
        if not _sayable(architecture):
            continue
        found.append(
            {
                "name": f"timm/{name}",
                "architecture": architecture,
                "parameters": facts["architectures"][architecture]["parameters"],
                "classes": entry.get("num_classes"),
                "input": entry["input_size"][1],
                "test_input": entry.get("test_input_size", entry["input_size"])[1],
                "crop_pct": entry.get("crop_pct"),
                "interpolation": entry.get("interpolation"),
                "licence": entry.get("license", ""),
                "origin": entry.get("origin_url", ""),
            }
        )
    return [*found, *(_keras_entry(name, file) for name, file in KERAS_FILES.items())]


@cache
def _sayable(architecture: str) -> bool:
    """Whether a spec can say a network of timm's, as far as its arguments alone tell."""
    facts = timm_facts()["architectures"][architecture]
    try:
        validate(FAMILIES[facts["family"]].arguments, SourceDocument(architecture, facts["model_args"]))
    except KresnetError:
        return False
    return True


def _keras_entry(name: str, file: KerasFile) -> dict[str, Any]:
    spec, parameters = _shipped_network(file.spec)
    return {
        "name": f"keras/{name}",
        "architecture": spec.name,
        "parameters": parameters,
        "classes": 1000,
        "input": spec.input.shape[0],
        "test_input": spec.input.shape[0],
        "crop_pct": None,
        "interpolation": spec.input.interpolation,
        "licence": LICENCE,
        "origin": file.page,
    }


@cache
def _shipped_network(name: str) -> tuple[Spec, int]:
    """A shipped spec and the parameters of its network; that each of its settings has an effect is known of it."""
    spec = load_spec(name).value
    return spec, lower(spec).trainable


__all__ = ["known_weights"]
