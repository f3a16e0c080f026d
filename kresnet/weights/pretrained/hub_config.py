"""What a model's `config.json` says of it, as timm writes it: the spec, the pixels, the classes, the licence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, nearest
from kresnet.spec.architecture import Classifier, Spec
from kresnet.spec.loading import LoadedDocument, load_spec
from kresnet.weights.pretrained.class_names import configured_class_names
from kresnet.weights.pretrained.timm_architectures import timm_facts, timm_spec

#: What licences that forbid commercial use have in their names.
_NON_COMMERCIAL = re.compile(r"(^|[-_. ])nc([-_. ]|$)|non[-_ ]?commercial|research[-_ ]only", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as its configuration describes it.

    Attributes:
        architecture: timm's name of its architecture.
        loaded: its spec, with pixels, size and resize rule.
        class_names: names of its classes; empty where nothing gives them.
        licence: name of its licence, such as `apache-2.0`; empty where nothing says it.
        notes: what else a user should know, a sentence each.
        arguments: timm's arguments of the network.
    """

    architecture: str
    loaded: LoadedDocument[Spec]
    class_names: tuple[str, ...]
    licence: str
    notes: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def read_hub_model(path: Path, card: Path | None, name: str, repository: str, *, test_size: bool = False) -> HubModel:
    """Read what a configuration of timm's says.

    Args:
        path: path of the `config.json`.
        card: path of the model's card, `README.md`, whose head states the licence.
        name: what the network is to be called.
        repository: of the hub, for what timm's own list of weights says beyond the configuration.
        test_size: take the size and the crop at which its authors measure it, where they are others than in training.

    Raises:
        KresnetError: `model_unreadable` for a configuration that is damaged; `weights_unknown` where it is of no
            residual network of timm's, or of one that no spec can say.
    """
    config = _read_json(path)
    own = config.get("pretrained_cfg")
    facts = timm_facts()["weights"].get(repository.removeprefix("timm/"), {}) if repository.startswith("timm/") else {}
    stated: dict[str, Any] = dict(own if isinstance(own, Mapping) else config)  # timm's first files had one level
    architecture, arguments = str(config.get("architecture", "")), config.get("model_args") or {}
    if not architecture or not isinstance(arguments, Mapping):
        raise make_error("weights_unknown", f"{path.name} of {repository or path.parent} is not of timm's form.",
                         expected="architecture, model_args and pretrained_cfg",
                         remedy="kresnet convert FILE --spec SPEC -o model.keras, of its file of weights")  # fmt: skip
    if "num_classes" in config:
        stated["num_classes"] = config["num_classes"]
    used, notes = _sized(stated, test_size)
    try:
        document = timm_spec(architecture, arguments, pretrained_cfg=used)
        if document["input"]["resize"]["kind"] == "center_crop":
            document["input"]["resize"]["rounding"] = "half_even"
        loaded = load_spec({**document, "name": name})
    except KresnetError as error:
        raise _unsayable(error, architecture, repository or str(path.parent)) from None
    head = loaded.value.head
    names = configured_class_names(config, head.classes) if isinstance(head, Classifier) else ()
    licence = _card_licence(card) or str(stated.get("license") or facts.get("license") or "")
    return HubModel(architecture, loaded, names, licence, notes, arguments)


def forbids_commercial_use(licence: str) -> bool:
    """Whether a licence's name says that what it covers is not for commerce, as `cc-by-nc-4.0` does."""
    return bool(_NON_COMMERCIAL.search(licence))


def _sized(stated: dict[str, Any], test_size: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the configuration with the size that is asked for, and what is to be said of the other.

    timm prepares images for training's size unless it is told otherwise; its tables of accuracies are for the other.
    """
    of_test = {name: stated.get(f"test_{name}") or stated.get(name) for name in ("input_size", "crop_pct")}
    same = all(_plain(of_test[name]) == _plain(stated.get(name)) for name in of_test)
    if same:
        return stated, ()
    if test_size:
        return {**stated, **{name: value for name, value in of_test.items() if value is not None}}, ()
    size, crop = of_test["input_size"], of_test["crop_pct"]
    side = f"{size[1]}x{size[2]}" if isinstance(size, list | tuple) and len(size) == 3 else "another size"
    note = f"Its authors measure it at {side} (crop_pct {crop}): kresnet weights pull NAME --test-size has that."
    return stated, (note,)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _unsayable(error: KresnetError, architecture: str, where: str) -> KresnetError:
    problem = error.problems[0]
    close = problem.nearest or nearest(architecture, list(timm_facts()["architectures"]))
    reason = problem.message if problem.code == "unknown_name" else f"{problem.path}: {problem.message}".lstrip(": ")
    return make_error("weights_unknown", f"{where} is {architecture}, which no spec can say: {reason}", nearest=close,
                      expected=problem.expected, found=problem.found, remedy="kresnet weights list")  # fmt: skip


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise make_error("model_unreadable", f"{path} cannot be read as JSON: {error}.") from None
    if not isinstance(value, dict):
        raise make_error("model_unreadable", f"{path} holds no JSON object.")
    return value


def _card_licence(card: Path | None) -> str:
    """Return the licence in the head of a model's card, by its own name where the card has one."""
    if card is None:
        return ""
    from huggingface_hub.repocard import metadata_load

    try:
        head = metadata_load(card) or {}
    except Exception:  # whatever stands there, it is no licence
        return ""
    licence = str(head.get("license") or "")
    return str(head.get("license_name") or licence) if licence in ("other", "") else licence


__all__ = ["HubModel", "forbids_commercial_use", "read_hub_model"]
