"""What is known of weights that came by name: a JSON file beside the model that they became."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: What such a file says that it is.
_FORMAT = "kresnet-weights"


@dataclass(frozen=True, slots=True)
class WeightsRecord:
    """Where a model's weights came from, and what they computed when they came.

    Attributes:
        name: the name by which they were called.
        origin: where they came from: `repository`, `revision`, `commit` and `endpoint` of a hub, or `address`; the
            `file` and its `sha256`.
        architecture: what their origin calls the network.
        model_args: timm's arguments of the network; empty for others.
        licence: name of their licence; empty where nothing says it.
        class_names: names of the classes, in order; empty where nothing gives them.
        model_sha256: digest of the `.keras` file.
        outputs: what the network computed of the fixed image, see `kresnet.weights.output_digest`.
        kresnet: the version that converted them.
    """

    name: str
    origin: Mapping[str, str]
    architecture: str = ""
    licence: str = ""
    class_names: tuple[str, ...] = ()
    model_sha256: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    kresnet: str = ""
    model_args: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"format": _FORMAT, **asdict(self), "class_names": list(self.class_names)}

    def summary(self) -> dict[str, Any]:
        """Return the origin as a run and an export write it down: all but what the model's own files say."""
        of_network = {"architecture": self.architecture, "model_args": dict(self.model_args)}
        return {"name": self.name, **self.origin, **of_network, "licence": self.licence}

    def line(self) -> str:
        """Return name, commit and licence in a line."""
        commit = self.origin.get("commit", "")[:12]
        at = f" at {commit}" if commit else ""
        return f"{self.name}{at}, licence: {self.licence or 'not stated'}"


def read_record(model: Path) -> WeightsRecord | None:
    """Return what the file beside a `.keras` file says of its weights; None where there is none, or another's."""
    try:
        values = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        return None
    try:
        known = {name: values[name] for name in WeightsRecord.__dataclass_fields__ if name in values}
        return WeightsRecord(**{**known, "class_names": tuple(map(str, known.get("class_names", ())))})
    except TypeError:
        return None


__all__ = ["WeightsRecord", "read_record"]
