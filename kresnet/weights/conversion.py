"""What a conversion sets into which spec, settled before TensorFlow is imported; what differs is refused or told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kresnet.errors import KresnetError, Problem
from kresnet.plan import Plan
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument
from kresnet.weights.file_computation import FileComputation, read_computation
from kresnet.weights.files.pixel_arithmetic import PixelMap
from kresnet.weights.files.weight_file import WeightFile
from kresnet.weights.matching import WeightMatch, match_weights
from kresnet.weights.mismatch import require_match
from kresnet.weights.source_defaults import SpecWithSourceDefaults, apply_source_defaults


@dataclass(frozen=True, slots=True)
class PreparedConversion:
    """Which weights become those of which network.

    Attributes:
        carried: the spec with what the weights' origin always does and does not say.
        match: which tensor of the file becomes which weight.
        computation: what the file computes beside the layers with weights; nothing where it does not say.
    """

    carried: SpecWithSourceDefaults
    match: WeightMatch
    computation: FileComputation

    def notes(self) -> list[str]:
        """Return what is known of the file's computation beyond its weights, a sentence each."""
        found, spec, path = self.computation, self.carried.loaded.value, self.match.source.path
        notes = list(self.match.source.notes)
        if adapted := self.match.other_channels():
            target, tensor = adapted
            how = "summed over" if target.parameter.shape[2] == 1 else "shared out among"
            notes.append(f"The kernels of {tensor.name} are {how} the channels of pictures, as asked.")
        if head := self.match.renamed_head:
            notes.append(f"{head}, the one dense layer of {path}, is taken for the head.")
        if found.passed:
            names = ", ".join(dict.fromkeys(found.passed))
            notes.append(f"Passed, since they compute nothing but in training or change nothing: {names}.")
        if found.left_out:
            notes.append(f"Left out of what {path} computes, as asked: {', '.join(dict.fromkeys(found.left_out))}.")
        if found.ending:
            notes.append(f"{path} ends in {found.ending}; the model gives logits, and probabilities where it predicts.")
        if found.pixels:
            layers = ", ".join(found.pixel_layers)
            notes.append(
                f"What {layers} make{'s' * (len(found.pixel_layers) == 1)} of pixels is the spec's input.pixels."
            )
        elif spec.input.pixels:
            stated = _flow(spec.input.pixels.document())
            notes.append(
                f"{path} does not say what its pixels mean. The spec does, and the numbers are right only if the "
                f"weights were trained so: input.pixels={stated}."
            )
        return notes


def prepare_conversion(
    loaded: LoadedDocument[Spec],
    plan: Plan,
    source: WeightFile,
    *,
    layout: str = "auto",
    allow_missing: Sequence[str] = (),
    allow_unused: Sequence[str] = (),
    adapt_channels: bool = False,
) -> PreparedConversion:
    """Match a file with a spec, carry over what the spec leaves open, and refuse what would compute otherwise.

    Args:
        loaded: the spec.
        plan: the plan of the spec.
        source: the file of weights.
        layout: name of a layout, or `auto`.
        allow_missing: names of parameters that need no tensor.
        allow_unused: names of tensors that need no parameter, and of layers that may be left out.
        adapt_channels: let weights for colour pictures be those of a network for grey ones, or reversely.

    Raises:
        KresnetError: `weights_mismatch`, everything that does not fit; `bad_option`.
    """
    match = match_weights(plan, source, layout, adapt_channels=adapt_channels)
    computation = FileComputation()
    if source.graph:
        layers = {target.record.name: tensor.name.rpartition("/")[0] for target, tensor in match.pairs}
        names = [name.partition("/")[0] for name in allow_unused]
        computation = read_computation(plan, source.graph, layers, source.tensors, names)
    carried = apply_source_defaults(loaded, plan, source, match.layout)
    # A model of kresnet's computes its own plan and nothing else, whichever of its layers are to be left out.
    extra = () if match.layout.name == "kresnet" else tuple(computation.extra)
    problems = [(_extra_problem(each.layer, each.text, source), each.layer) for each in extra]
    if computation.pixels:
        carried, conflict = _carry_pixels(carried, computation.pixels, computation.pixel_layers, source)
        problems += [(problem, "") for problem in conflict]
    match = match_weights(carried.plan, source, layout, adapt_channels=adapt_channels)
    misfits = {tensor.name.rpartition("/")[0] for _, tensor in match.mismatched}
    told = [problem for problem, layer in problems if layer not in misfits]
    explained = {*computation.pixel_layers, *(each.layer for each in extra)}
    unused = [name for name in match.unused if name.rpartition("/")[0] not in explained]
    match = replace(match, unused=unused)
    try:
        require_match(match, carried.plan, allow_missing, allow_unused)
    except KresnetError as error:
        raise KresnetError([*error.problems, *told]) from None
    if told:
        raise KresnetError(told)
    return PreparedConversion(carried, match, computation)


def _carry_pixels(
    carried: SpecWithSourceDefaults, pixels: PixelMap, layers: Sequence[str], source: WeightFile
) -> tuple[SpecWithSourceDefaults, list[Problem]]:
    """Return the spec with the file's `input.pixels`, or the problem that it states others."""
    own = carried.loaded.value.input.pixels
    fields: Any = pixels.as_pixels()
    if own and PixelMap.from_spec(own, len(pixels.sources)).equals(pixels):
        return carried, []
    if own and "pixels" in carried.loaded.source.values.get("input", {}):
        problem = Problem(
            "weights_mismatch",
            f"{source.path} and the spec make other numbers of pixels.",
            path="input.pixels",
            expected=f"{_flow(fields)}, as {', '.join(layers)} of the file computes",
            found=_flow(own.document()),
            remedy=f"--set 'input.pixels={_flow(fields)}'",
        )
        return carried, [problem]
    return carried.with_settings({"input.pixels": fields}), []


def _extra_problem(layer: str, text: str, source: WeightFile) -> Problem:
    """Return the problem that a file computes something that the plan has not."""
    resizes = any(kind in text for kind in ("Resizing", "CenterCrop", "RandomCrop"))
    remedy = f"--allow-unused {layer}, and images are brought to size by the spec's input.resize alone"
    return Problem(
        "weights_mismatch",
        f"{source.path} computes what the network does not: {text}.",
        remedy=remedy if resizes else f"a spec that has it, or a file of the model without {layer}",
    )


def _flow(fields: Any) -> str:
    """Return settings as YAML in one line, as `--set` takes them."""
    texts = (f"{name}: {list(value) if isinstance(value, tuple) else value}" for name, value in fields.items())
    return "{" + ", ".join(texts) + "}"


__all__ = ["PreparedConversion", "prepare_conversion"]
