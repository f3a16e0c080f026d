"""A run as a repository of the hub: weights and configuration in timm's form where there is one, and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors.numpy import save_file

from kresnet.data.description import SPLITS
from kresnet.errors import make_error
from kresnet.files import write_json, write_text
from kresnet.plan import Plan, plan_loaded
from kresnet.runs.trained_model import TrainedModel
from kresnet.spec.architecture import Classifier
from kresnet.spec.document import dump
from kresnet.version import __version__
from kresnet.weights.conversion import prepare_conversion
from kresnet.weights.convert import converted_model
from kresnet.weights.files.weight_file import open_weights
from kresnet.weights.output_digest import fixed_image
from kresnet.weights.pretrained.timm_match import find_timm_architecture, timm_ends, timm_preprocessing, timm_tensors
from kresnet.weights.pretrained.weight_names import WeightName
from kresnet.weights.pretrained.weight_origins import find_origin

#: Largest difference of outputs, relative to the largest, between the network and what the folder holds of it.
_TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class HubFolder:
    """What was written for the hub.

    Attributes:
        place: the folder, or the address of the commit that it became.
        architecture: timm's name of the network; empty where timm has none that computes the same.
        files: names of the files, sorted.
    """

    place: Path | str
    architecture: str
    files: tuple[str, ...]

    def at(self, place: Path | str) -> HubFolder:
        """Return the same at another place."""
        return replace(self, place=place)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {"place": str(self.place), "timm_architecture": self.architecture, "files": list(self.files)}


def write_hub_folder(
    trained: TrainedModel, model: keras.Model, folder: Path, *, repository: str, licence: str
) -> HubFolder:
    """Write the files of a repository into a folder that is there and empty.

    Args:
        trained: the network, with its run.
        model: its Keras model.
        folder: where.
        repository: `OWNER/REPO`, for the card.
        licence: name of the licence, for the card and the configuration.
    """
    assert trained.run
    transfer = trained.run.resolved.transfer
    origin = dict(transfer.origin) if transfer else {}
    found = find_timm_architecture(trained.spec, trained.plan, origin or None)
    preprocessing = timm_preprocessing(trained.spec.input) if trained.spec.input.is_image else None
    shutil.copyfile(trained.model, folder / "model.keras")
    write_text(folder / "model.yaml", trained.spec.yaml())
    write_text(folder / "recipe.yaml", trained.run.resolved.recipe.yaml())
    architecture = found[0] if found and preprocessing else ""
    if found and preprocessing:
        values = {f"{layer.name}/{each.name}": np.asarray(each) for layer in model.layers for each in layer.weights}
        save_file(
            dict(timm_tensors(architecture, trained.plan, values)), folder / "model.safetensors", {"format": "pt"}
        )
        write_json(folder / "config.json", _config(trained, *found, preprocessing, licence))
    write_text(folder / "README.md", model_card(trained, repository, licence, architecture, origin))
    return HubFolder(folder, architecture, tuple(sorted(path.name for path in folder.iterdir())))


def require_equal_network(folder: Path, model: keras.Model, plan: Plan) -> str:
    """Read configuration and weights back as those of a stranger, and compare outputs on the fixed image.

    Returns:
        How far they are apart, in words.

    Raises:
        KresnetError: `export_mismatch`.
    """
    origin = find_origin(WeightName("folder", str(folder), str(folder)))
    with open_weights(origin.file) as source:
        prepared = prepare_conversion(origin.loaded, plan_loaded(origin.loaded), source, layout=origin.layout)
        again = converted_model(prepared.carried.plan, prepared.match)
    image = fixed_image(plan.input_shape)
    ours, theirs = (np.asarray(each(image, training=False)) for each in (model, again))
    apart = float(np.abs(ours - theirs).max() / max(float(np.abs(ours).max()), 1e-30))
    if not apart <= _TOLERANCE:
        message = "What was written in timm's form does not compute what the network does."
        raise make_error("export_mismatch", message, expected=f"at most {_TOLERANCE:g}", found=f"{apart:.1e}")
    return f"outputs differ by {apart:.1e} of the largest."


def _config(
    trained: TrainedModel, architecture: str, arguments: Mapping[str, Any], preprocessing: Mapping[str, Any],
    licence: str,
) -> dict[str, Any]:  # fmt: skip
    """Return `config.json` as timm writes it."""
    features = trained.plan.by_name["head.logits"].parameters[0].shape[0]
    assert isinstance(trained.spec.head, Classifier)
    pool = {"average": "avg", "max": "max"}[trained.spec.head.pool]
    first, classifier = timm_ends(architecture, trained.plan)
    return {
        "architecture": architecture,
        "num_classes": trained.spec.head.classes,
        "num_features": features,
        "global_pool": pool,
        "label_names": list(trained.class_names),
        "model_args": {**arguments, "global_pool": pool},
        "pretrained_cfg": {
            "tag": "kresnet",
            "custom_load": False,
            **preprocessing,
            "num_classes": trained.spec.head.classes,
            "pool_size": None,
            "first_conv": first,
            "classifier": classifier,
            "license": licence,
        },
    }


def model_card(
    trained: TrainedModel, repository: str, licence: str, architecture: str, origin: Mapping[str, Any]
) -> str:
    """Return the card, `README.md`: the network, its results by split, data, how it was trained and verified."""
    assert trained.run
    run, result = trained.run, trained.run.read_result() or {}
    data = run.data()
    task = "image-classification"
    head: dict[str, Any] = {"library_name": "timm" if architecture else "keras", "license": licence}
    head |= {"pipeline_tag": task, "tags": [task, "kresnet"]}
    if origin.get("repository"):
        head["base_model"] = origin["repository"]
    rows = [
        f"| {split} | {name} | {value:.4f} |"
        for split in SPLITS
        for name, value in (result.get(split) or {}).items()
        if isinstance(value, float)
    ]
    images = ", ".join(f"{data[key]:,} {key.removesuffix('_images')}" for key in sorted(data)
                       if key.endswith("_images") and isinstance(data[key], int))  # fmt: skip
    names = ", ".join(trained.class_names[:20]) + ", ..." * (len(trained.class_names) > 20)
    began = f"the weights of {origin['name']} (licence: {origin.get('licence') or 'not stated'})" if origin else (
        "other weights" if run.resolved.transfer else "random weights")  # fmt: skip
    use = [f"kresnet predict hf:{repository} photo.jpg"]
    if architecture:
        use.append(f"python -c \"import timm; timm.create_model('hf_hub:{repository}', pretrained=True)\"")
    return "\n".join(
        [
            "---", dump(head).strip(), "---", "", f"# {repository.rpartition('/')[2]}", "",
            f"{trained.spec.name}{f', in timm {architecture}' * bool(architecture)}: "
            f"{trained.plan.trainable:,} parameters, "
            f"{trained.plan.macs / 1e9:.2f} G MACs at {'x'.join(map(str, trained.plan.input_shape))}.", "",
            "## Results", "", "| split | metric | value |", "|---|---|---|", *rows, "",
            "## Data", "", f"{images} images; classes: {names}.", "",
            "## How it was trained", "",
            f"By kresnet {__version__} from {began}, {result.get('epochs', '?')} epochs; `model.yaml` is the network, "
            "and `recipe.yaml` the recipe, every default written out.", "",
            "## How it was verified", "",
            "The `.keras` file was read back and compared bit for bit when it was written"
            + (". kresnet read `config.json` and `model.safetensors` back, and the network had the same outputs."
               if architecture else "."), "",
            "## Use", "", "```sh" if architecture else "```text", *(use if architecture else use[1:]), "```", "",
        ]
    )  # fmt: skip


__all__ = ["HubFolder", "model_card", "require_equal_network", "write_hub_folder"]
