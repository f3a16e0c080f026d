"""What a trained classifier sees in given images: Grad-CAM, feature maps, and the filters of its first layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kresnet.diagnostics.explain_figures import draw_explanation
from kresnet.diagnostics.explain_results import Filters, GradCam, ImageExplanation, StageFeatures
from kresnet.errors import make_error, nearest
from kresnet.evaluation.predict import (
    ImageLike,
    class_name,
    class_probabilities,
    image_names,
    prediction_as_dict,
    read_images,
    require_image_classifier,
)
from kresnet.files import refuse_existing, staged_directory, write_json
from kresnet.plan import Plan, Record
from kresnet.probes.replay import replay
from kresnet.runs.trained_model import TrainedModel
from kresnet.spec.inputs import Input
from kresnet.weights.convert import load_model


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a network sees in some images.

    Attributes:
        network: name of the network's plan.
        filters: kernels of its first convolution.
        images: an explanation of each image.
    """

    network: str
    filters: Filters
    images: tuple[ImageExplanation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "network": self.network,
            "filters": self.filters.as_dict(),
            "images": [image.as_dict() for image in self.images],
        }

    def save(self, directory: Path) -> list[str]:
        """Write `explain.json` and every figure into a new directory.

        Returns:
            The names of the files.

        Raises:
            KresnetError: `output_exists`, `not_writable`, `disk_full`.
        """
        refuse_existing(directory)
        with staged_directory(directory) as staged:
            write_json(staged / "explain.json", self.as_dict())
            return ["explain.json", *sorted(path.name for path in draw_explanation(self.filters, self.images, staged))]


def explain(
    trained_model: TrainedModel,
    images: Sequence[ImageLike],
    *,
    stages: Sequence[int] = (),
    classes: Sequence[str] = (),
    channels: int,
    names: Sequence[str] | None = None,
) -> Explanation:
    """Explain what a trained network makes of images.

    Args:
        trained_model: the network.
        images: files and arrays, each brought to the network's size as evaluation does.
        stages: whose maps Grad-CAM reads, counted from 1; the last by default.
        classes: names or numbers of the classes to look for; each image's likeliest by default.
        channels: how many channels of each stage to keep.
        names: what the images are called; by default their paths, or the numbers of arrays.

    Raises:
        KresnetError: `contradiction` for a network that is no classifier of images, `bad_option` for a stage or a class
            that it does not have, `file_missing`, `image_unreadable` or `data_mismatch` (of all such images at once),
            or what `load_model` raises.
    """
    plan = trained_model.plan
    require_image_classifier(plan, trained_model.spec, str(trained_model.model))
    ends = stage_ends(plan)
    chosen_stages = _chosen_stages(plan, ends, stages)
    class_names = trained_model.class_names
    class_ids = [_class_id(name, class_names, trained_model.spec.head.classes) for name in classes]  # type: ignore[union-attr]
    pictures = zip(names or image_names(images), read_images(images, trained_model.spec.input), strict=True)
    reader = ActivationReader(load_model(trained_model.model, plan), plan, trained_model.temperatures)
    explanations = []
    for image_name, pixels in pictures:
        activations = reader(pixels)
        prediction = prediction_as_dict(image_name, activations.probabilities, class_names)
        cams = tuple(
            GradCam(
                class_id,
                class_name(class_id, class_names),
                float(activations.probabilities[class_id]),
                stage,
                ends[stage].name,
                for_class.grad_cam(ends[stage].name),
            )
            for class_id in class_ids or [prediction["class_id"]]
            for for_class in [reader(pixels, class_id)]
            for stage in chosen_stages
        )
        features = tuple(
            _stage_features(stage, end.name, activations.maps[end.name], channels) for stage, end in ends.items()
        )
        likeliest = {key: prediction[key] for key in ("class_id", "label", "probability")}
        explanations.append(ImageExplanation(image_name, pixels, **likeliest, cams=cams, features=features))
    return Explanation(plan.name, first_filters(reader.network, plan, trained_model.spec.input), tuple(explanations))


@dataclass(frozen=True, slots=True)
class StageActivations:
    """Outputs of a network's stages for one image.

    Attributes:
        probabilities: probability of each class, float32 `(classes,)`.
        maps: the output of each stage, float32 `(h, w, C)`, by its record's name.
        gradients: gradients of one class's logit with respect to the maps, by the same names.
    """

    probabilities: np.ndarray
    maps: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]

    def grad_cam(self, record: str) -> np.ndarray:
        """Return the map ReLU(Σ_k α_k A_k), float32 `(h, w)`, α_k being the mean of ∂logit/∂A_k (eqs. 1 and 2)."""
        return np.maximum(self.maps[record] @ self.gradients[record].mean((0, 1)), 0.0)


class ActivationReader:
    """Runs a network in inference and reads the outputs of its stages."""

    def __init__(self, network: keras.Model, plan: Plan, temperatures: tuple[float, ...] | None = None) -> None:
        self.network, self.plan, self._temperatures = network, plan, temperatures
        # As a graph, which computes no gradients that nobody reads: those of weights cost as much again, and fail for
        # one image where oneDNN finds no way to reorder them (TensorFlow 2.21).
        self._run = tf.function(self._activations, autograph=False)

    def __call__(self, pixels: np.ndarray, class_id: int = 0) -> StageActivations:
        """Return the stages' outputs for uint8 `(H, W, C)` pixels, and the gradients of the logit of `class_id`."""
        chosen = tf.one_hot([class_id], self.plan.by_name[self.plan.outputs["logits"]].shape[0])
        logits, *by_record = self._run(tf.constant(pixels[np.newaxis], tf.float32), chosen)
        maps, gradients = ({name: tensor[0].numpy() for name, tensor in each.items()} for each in by_record)
        return StageActivations(class_probabilities(self.plan, logits, self._temperatures)[0], maps, gradients)

    def _activations(self, image: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, dict[str, Any], dict[str, Any]]:
        with tf.GradientTape() as tape:
            tape.watch(image)
            outputs = replay(self.network, self.plan.records, {"input": image}, training=lambda record: False).outputs
        maps = {end.name: outputs[end.name] for end in stage_ends(self.plan).values()}
        logits = outputs[self.plan.outputs["logits"]]
        return logits, maps, tape.gradient(logits, maps, output_gradients=chosen)


def stage_ends(plan: Plan) -> dict[int, Record]:
    """Return the record that makes the output of each stage, by the stage's number, from 1.

    That is the stage's last record: of its last block, or the norm and activation that end the last stage of a
    pre-activation network (He et al. 2016, arXiv:1603.05027, section 4.1). Where a block ends in its sum, a map may be
    negative.
    """
    return {record.stage: record for record in plan.records if record.stage is not None}


def first_filters(network: keras.Model, plan: Plan, input: Input) -> Filters:
    """Return the kernels of the network's first convolution."""
    first = next(record for record in plan.records if record.kind == "conv" and record.role == "main")
    kernels = np.moveaxis(network.get_layer(first.name).kernel.numpy(), -1, 0)  # (filters, k, k, C)
    if input.pixels and input.pixels.channel_order == "bgr":
        kernels = kernels[..., ::-1]
    return Filters(first.name, kernels)


def _stage_features(stage: int, record: str, map: np.ndarray, channels: int) -> StageFeatures:
    """Return the strongest `channels` channels of a stage's map."""
    strengths = np.abs(map).mean((0, 1))
    strongest = np.argsort(-strengths, kind="stable")[:channels]
    return StageFeatures(
        stage, record, tuple(strongest.tolist()), tuple(strengths[strongest].tolist()), map[..., strongest]
    )


def _chosen_stages(plan: Plan, ends: dict[int, Record], stages: Sequence[int]) -> list[int]:
    """Return the stages asked for, each once; the last one where none is."""
    for stage in stages:
        if stage not in ends:
            message = f"{plan.name} has no stage {stage}."
            raise make_error("bad_option", message, expected=f"--stage from 1 to {max(ends)}", found=str(stage))
    return list(dict.fromkeys(stages)) or [max(ends)]


def _class_id(name: str, names: Sequence[str], count: int) -> int:
    """Return the class that a user means by its name, or by its number."""
    if name in names:
        return names.index(name)
    if name.isascii() and name.isdigit() and int(name) < count:
        return int(name)
    folded = {each.lower(): each for each in names}
    raise make_error(
        "bad_option",
        f"There is no class {name!r}.",
        expected=f"--class with a name, or with a number from 0 to {count - 1}",
        nearest=folded.get(nearest(name, list(folded)), ""),
    )


__all__ = ["ActivationReader", "Explanation", "StageActivations", "explain", "first_filters", "stage_ends"]
