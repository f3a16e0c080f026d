"""Bring weights in from other projects, and trained networks out to servers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, get_args

from kresnet.api.network import Network, load, require_one_of
from kresnet.api.pretrained import pull_named
from kresnet.api.progress import run_output
from kresnet.errors import make_error
from kresnet.export.edge.file_formats import CALIBRATION_IMAGES, FileOptions, FileWeights
from kresnet.export.signature_contract import Fold, WeightType
from kresnet.files import AnyPath
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides, split_overrides

if TYPE_CHECKING:
    from kresnet.export.edge.file_export import FileExportResult
    from kresnet.export.saved_model import ExportResult
    from kresnet.runs.trained_model import TrainedModel
    from kresnet.weights.conversion import PreparedConversion
    from kresnet.weights.file_computation import FileComputation
    from kresnet.weights.matching import WeightMatch
    from kresnet.weights.source_defaults import SpecWithSourceDefaults

Format = Literal["saved_model", "tflite", "onnx", "openvino"]


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


def export_model(
    trained: AnyPath,
    output: AnyPath,
    *,
    version: int | str = "next",
    signatures: Sequence[str] | None = None,
    fold: Fold = "auto",
    weights: WeightType | FileWeights = "float32",
    best: bool = False,
    spec: Reference | Network | None = None,
    classes: AnyPath | Sequence[str] | None = None,
    images: AnyPath | None = None,
    format: Format = "saved_model",
    base_path: str | PurePath | None = None,
    calibrate: int = CALIBRATION_IMAGES,
    compare: bool = False,
    keep_float: Sequence[str] = (),
    lose_at_most: float | None = None,
    overrides: Overrides = (),
    progress: bool = True,
) -> ExportResult | FileExportResult:
    """Write a SavedModel for TF Serving, and publish it once a fresh process has proved that it serves.

    With `format` `tflite`, `onnx` or `openvino` a file is written instead, once the runtime that it is for, in a fresh
    process without TensorFlow, has answered as the network does. Files of integers are calibrated on training images,
    and held to the float network's accuracy on validation images.

    Args:
        trained: a finished run, its directory, or a `.keras` file; also what `kresnet build` wrote.
        output: folder of served models, in which `NAME/VERSION/` appears; a file for the other formats.
        version: its number, or `next` for the next free one.
        signatures: those beside `serving_default`, of `image_bytes`, `classify`, `features`; by default all that the
            network can have.
        fold: whether batch norms are folded into the weights before them: `auto`, `yes` or `no`.
        weights: type that kernels are stored in: `float32`, `bfloat16` or `float16`; of a file `float32`, `float16`,
            or integers: `int8` (images as uint8, probabilities as uint8), `int8_float_io` (float32 at both ends),
            `int16x8` (activations of 16 bits) or `dynamic` (weights alone).
        best: export the network of the run's best epoch rather than that of the last.
        spec: of a `.keras` file outside a run; by default FILE.yaml beside it.
        classes: class names in order, or a text file of them, one a line; by default the run's.
        images: folder of images to compare on; by default the run's test images, of a file its validation images. A
            network without a run is calibrated on them.
        format: `saved_model`, `tflite`, `onnx` or `openvino`.
        base_path: `output` as the server will see it.
        calibrate: number of training images that set the integers' ranges.
        compare: measure each layer's signal to quantisation noise.
        keep_float: layers of a quantised file that stay in float, or what their names begin with.
        lose_at_most: largest loss in accuracy on validation images, as a share of them; the layers that add most noise
            stay in float until it holds. By default all are quantised, and a file that loses more than 0.01 is refused.
        overrides: settings of `recipe.data`, where the data of the run lie elsewhere now.
        progress: tell on standard error what is going on.

    Returns:
        Path, version and proof; or path, proof and quantisation of a file.

    Raises:
        KresnetError: `export_mismatch` or `not_servable` where the proof failed, and then nothing is left behind;
            `run_missing`, `output_exists`, `bad_option`, `data_mismatch`, `weights_mismatch`, `environment`,
            `disk_full`, `not_writable`.
    """
    from kresnet.runtime import import_tensorflow

    require_one_of("--fold", fold, get_args(Fold))
    require_one_of("--format", format, get_args(Format))
    number = _parse_version(version)
    asked = {"calibrate": calibrate, "compare": compare, "keep_float": tuple(keep_float), "lose_at_most": lose_at_most}
    file_options = None
    if format != "saved_model":
        if number or signatures or base_path:
            message = f"--version, --signatures and --base-path are for a server, not for --format {format}."
            raise make_error("bad_option", message)
        file_options = FileOptions(format, weights, fold, **asked)  # type: ignore[arg-type]
    else:
        _require_server_options(weights, asked)
    origin = open_for_use(trained, spec, classes, best)
    log, _ = run_output(progress)
    for note in origin.notes():
        log(note)
    import_tensorflow()
    from kresnet.weights.convert import load_model

    folder = Path(images) if images else None
    if file_options:
        from kresnet.export.edge.export_rows import file_rows
        from kresnet.export.edge.file_export import export_file, require_file_format
        from kresnet.runs.activation_ranges import read_activation_ranges

        require_file_format(origin.spec, origin.plan, Path(output), file_options)
        rows = file_rows(origin, calibrate if file_options.calibrated else 0, folder, overrides)
        for difference in rows.differences:
            log(difference)
        return export_file(
            load_model(origin.model, origin.plan), origin.spec, origin.class_names, Path(output), file_options, rows,
            plan=origin.plan, origin=origin.provenance, temperatures=origin.temperatures,
            trained_ranges=read_activation_ranges(origin.model) if origin.run else None, tell=log,
        )  # fmt: skip
    from kresnet.export.sample_inputs import sample_inputs
    from kresnet.export.saved_model import ExportOptions
    from kresnet.export.saved_model import export_model as export

    model = load_model(origin.model, origin.plan)
    inputs = sample_inputs(origin, folder, overrides)
    for difference in inputs.differences:
        log(difference)
    log("Exporting, then loading the export in a fresh process through TensorFlow's C API.")
    options = ExportOptions(
        version=number,
        signatures=None if signatures is None else tuple(signatures),
        fold=fold,
        weights=weights,  # type: ignore[arg-type]
        base_path=PurePosixPath(base_path) if base_path else None,
    )
    return export(
        model, origin.spec, origin.class_names, Path(output), options,
        plan=origin.plan, inputs=inputs, origin=origin.provenance, temperatures=origin.temperatures,
    )  # fmt: skip


def _require_server_options(weights: str, of_files: dict[str, Any]) -> None:
    """Refuse, of a SavedModel, what is for files of other runtimes."""
    if weights in get_args(FileWeights) and weights not in get_args(WeightType):
        raise make_error("bad_option", f"--weights {weights} is for files of other runtimes.",
                         remedy=f"--format tflite --weights {weights}")  # fmt: skip
    require_one_of("--weights", weights, get_args(WeightType))
    defaults = {"calibrate": CALIBRATION_IMAGES, "compare": False, "keep_float": (), "lose_at_most": None}
    for name, value in of_files.items():
        if value != defaults[name]:
            option = f"--{name.replace('_', '-')}"
            raise make_error("bad_option", f"{option} is for files of integers, not for a SavedModel.",
                             remedy=f"--format tflite --weights int8, or leave {option} out")  # fmt: skip


def served_weights(reference: AnyPath) -> Path:
    """Return a folder of served models that holds the network of weights by name, exported once; a path as it is.

    Raises:
        KresnetError: what `kresnet.pull_weights` and `export_model` raise.
    """
    pulled = pull_named(reference)
    if pulled is None:
        return Path(reference)
    folder = pulled.model.parent / "served"
    if not any(folder.glob("*/[0-9]*")):
        export_model(pulled.model, folder)
    return folder


def open_for_use(
    trained: AnyPath,
    spec: Reference | Network | None,
    classes: AnyPath | Sequence[str] | None,
    best: bool = False,
) -> TrainedModel:
    """Return the network that a user means, on disk or by the name of its weights, with spec and class names."""
    from kresnet.runs.trained_model import open_trained_model

    names = Path(classes) if isinstance(classes, str | os.PathLike) else classes
    if pulled := pull_named(trained, spec):
        if best:
            raise make_error("bad_option", "--best is for runs.", remedy="leave it out")
        return open_trained_model(pulled.model, classes=names)
    reference = spec.loaded if isinstance(spec, Network) else spec
    return open_trained_model(Path(trained), spec=reference, classes=names, best=best)


def _parse_version(version: int | str) -> int | None:
    """The version that the caller means; None for the next free one."""
    if version == "next":
        return None
    if not (str(version).isascii() and str(version).isdigit()):
        expected = "a whole number from 1, or next"
        raise make_error("bad_option", "A version is a number.", expected=expected, found=str(version))
    return int(version)
