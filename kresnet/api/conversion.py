"""Bring weights in from other projects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network, load
from kresnet.api.progress import run_output
from kresnet.errors import make_error
from kresnet.files import AnyPath
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides, split_overrides

if TYPE_CHECKING:
    from kresnet.weights.conversion import PreparedConversion
    from kresnet.weights.file_computation import FileComputation
    from kresnet.weights.matching import WeightMatch
    from kresnet.weights.source_defaults import SpecWithSourceDefaults


@dataclass(frozen=True, slots=True)
class Conversion:
    """Weights that became a kresnet model.

    Attributes:
        path: path of the `.keras` file.
        spec: path of the network's resolved spec, beside the `.keras` file.
        match: which tensor of the source file became which weight.
        carried: the spec with what the weights' origin always does and does not say.
        computation: what the file computes beside the layers with weights, such as what it makes of pixels.
    """

    path: Path
    spec: Path
    match: WeightMatch
    carried: SpecWithSourceDefaults
    computation: FileComputation

    def notes(self) -> list[str]:
        """Return a sentence about each thing that was done beyond setting float32 weights one by one."""
        from kresnet.weights.conversion import PreparedConversion

        return _conversion_notes(PreparedConversion(self.carried, self.match, self.computation))

    def as_dict(self) -> dict[str, Any]:
        """Return the conversion as JSON-ready values."""
        match, carried = self.match, self.carried
        return {
            "model": str(self.path),
            "spec": str(self.spec),
            "layout": match.layout.name,
            "entry": match.source.entry,
            "prefix": match.prefix,
            "weights": len(match.pairs),
            "parameters": sum(target.parameter.size for target, _ in match.pairs),
            "carried_over": carried.settings,
            "differing": {path: {"spec": own, "origin": theirs} for path, (own, theirs) in carried.differing.items()},
            "cast_to_float32": dict(_count_cast_types(match)),
            "left_as_initialized": _list_left_as_initialized(match),
            "left_out": [*match.unused, *self.computation.left_out],
            "passed": list(dict.fromkeys(self.computation.passed)),
            "pixels": self.carried.loaded.value.document()["input"]["pixels"],
            "pixels_from": list(self.computation.pixel_layers),
        }


def convert(
    weights: AnyPath,
    spec: Reference | Network,
    output: AnyPath,
    *,
    layout: str = "auto",
    entry: str = "",
    allow_missing: Sequence[str] = (),
    allow_unused: Sequence[str] = (),
    adapt_channels: bool = False,
    overrides: Overrides = (),
    force: bool = False,
    progress: bool = True,
) -> Conversion:
    """Turn weights of PyTorch or Keras into a kresnet model that computes the same numbers.

    Args:
        weights: a `.safetensors`, `.keras` or `.weights.h5` file, or what `torch.save` wrote (`.pth`, `.pt`, `.bin`).
        spec: the network that they are of: a network, or what `kresnet.load` takes.
        output: the `.keras` file to write; the resolved spec is written beside it, with the suffix `.yaml`.
        layout: whose names the weights have: `auto`, `torchvision`, `timm`, `cifar-pytorch`, `transformers`,
            `keras-applications`, `keras-hub` or `kresnet`.
        entry: which entry of a PyTorch checkpoint holds the weights, such as `state_dict_ema`; empty for the usual one.
        allow_missing: layers or weights that the file may lack.
        allow_unused: tensors, or all below a name, that may be left out.
        adapt_channels: sum the first convolution's kernels over colours for a network of grey pictures, or share those
            of grey pictures out among colours.
        overrides: settings of the spec to change, as for `kresnet.load`.
        force: go on where the estimate of memory says stop.
        progress: tell `Conversion.notes` on standard error before the network is built.

    Raises:
        KresnetError: `weights_mismatch` with all that does not fit; `bad_option`, `output_exists`, `model_unreadable`,
            `weights_pickle`, `too_large`, `not_writable`, `disk_full`.
    """
    from kresnet.files import refuse_existing, write_text
    from kresnet.plan.memory_estimate import available_memory, estimate_memory, require_memory
    from kresnet.runtime import import_tensorflow
    from kresnet.weights.conversion import prepare_conversion
    from kresnet.weights.files.weight_file import open_weights

    output = Path(output)
    if output.suffix != ".keras":
        raise make_error(
            "bad_option", f"-o {output} is not named as a Keras file.", expected="a name that ends in .keras"
        )
    spec_file = output.with_suffix(".yaml")
    for path in (output, spec_file):
        refuse_existing(path)
    own, of_recipe = split_overrides(overrides)
    if of_recipe:
        raise make_error("bad_option", f"A conversion has no recipe: --set recipe.{of_recipe[0]}.")
    with open_weights(Path(weights), entry) as source:
        network = load(spec, own)
        prepared = prepare_conversion(
            network.loaded,
            network.plan(),
            source,
            layout=layout,
            allow_missing=allow_missing,
            allow_unused=allow_unused,
            adapt_channels=adapt_channels,
        )
        carried = prepared.carried
        if not force:
            require_memory(estimate_memory(carried.plan, 1, training=False), available_memory())
        log, _ = run_output(progress)
        for note in _conversion_notes(prepared):
            log(note)
        import_tensorflow()
        from kresnet.weights.convert import converted_model, write_model

        model = converted_model(carried.plan, prepared.match)
    write_model(model, carried.plan, output)
    write_text(spec_file, carried.loaded.value.yaml())
    return Conversion(output, spec_file, prepared.match, carried, prepared.computation)


def _conversion_notes(prepared: PreparedConversion) -> list[str]:
    match, carried = prepared.match, prepared.carried
    without = f", for names without the prefix `{match.prefix}`" if match.prefix else ""
    notes = [f"Layout {match.layout.name}{without}."]
    notes += [f"Carried over from the weights' origin: {path}={value}." for path, value in carried.settings.items()]
    notes += [
        f"The spec states {path}={own}, the weights' origin has {theirs}: the numbers will differ."
        for path, (own, theirs) in carried.differing.items()
    ]
    for kind, count in _count_cast_types(match).items():
        exact = "which loses digits" if kind == "float64" else "which keeps every value"
        notes.append(f"{count} tensors are {kind}: cast to float32, {exact}.")
    if left := _list_left_as_initialized(match):
        notes.append(f"Left as they start: {', '.join(left)}.")
    if match.unused:
        notes.append(f"Left out: {', '.join(match.unused)}.")
    return notes + prepared.notes()


def _count_cast_types(match: WeightMatch) -> Counter[str]:
    return Counter(tensor.type for _, tensor in match.pairs if tensor.type != "float32")


def _list_left_as_initialized(match: WeightMatch) -> list[str]:
    return [target.name for target in match.missing] + [target.name for target, _ in match.mismatched]


__all__ = ["Conversion", "convert"]
