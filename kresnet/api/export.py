"""Bring trained networks out: to servers as SavedModels, to other runtimes as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, get_args

from kresnet.api.network import Network, require_one_of
from kresnet.api.pretrained import pull_named
from kresnet.api.progress import run_output
from kresnet.api.stored_networks import open_trained
from kresnet.errors import make_error
from kresnet.export.edge.file_formats import CALIBRATION_IMAGES, FileOptions, FileWeights
from kresnet.export.export_options import ExportOptions, Fold, WeightType
from kresnet.files import AnyPath
from kresnet.runtime import import_tensorflow
from kresnet.spec.loading import Reference
from kresnet.spec.overrides import Overrides

if TYPE_CHECKING:
    from kresnet.export.edge.file_export import FileExportResult
    from kresnet.export.saved_model import ExportResult
    from kresnet.runs.trained_model import TrainedModel

Format = Literal["saved_model", "tflite", "onnx", "openvino"]


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
    require_one_of("--fold", fold, get_args(Fold))
    require_one_of("--format", format, get_args(Format))
    of_integers = {
        "calibrate": calibrate,
        "compare": compare,
        "keep_float": tuple(keep_float),
        "lose_at_most": lose_at_most,
    }
    options: ExportOptions | FileOptions
    if format == "saved_model":
        options = _server_options(version, signatures, fold, weights, base_path, of_integers)
    else:
        if version != "next" or signatures or base_path:
            message = f"--version, --signatures and --base-path are for a server, not for --format {format}."
            raise make_error("bad_option", message)
        options = FileOptions(format, weights, fold, **of_integers)  # type: ignore[arg-type]
    origin = open_trained(trained, spec, classes, best)
    log, _ = run_output(progress)
    for note in origin.notes():
        log(note)
    folder = Path(images) if images else None
    if isinstance(options, FileOptions):
        return _export_file(origin, Path(output), options, folder, overrides, log)
    return _export_for_server(origin, Path(output), options, folder, overrides, log)


def _server_options(
    version: int | str,
    signatures: Sequence[str] | None,
    fold: Fold,
    weights: str,
    base_path: str | PurePath | None,
    of_integers: dict[str, Any],
) -> ExportOptions:
    """Return what is asked of a SavedModel; what is for files of other runtimes is refused."""
    if weights in get_args(FileWeights) and weights not in get_args(WeightType):
        raise make_error("bad_option", f"--weights {weights} is for files of other runtimes.",
                         remedy=f"--format tflite --weights {weights}")  # fmt: skip
    require_one_of("--weights", weights, get_args(WeightType))
    defaults = {"calibrate": CALIBRATION_IMAGES, "compare": False, "keep_float": (), "lose_at_most": None}
    for name, value in of_integers.items():
        if value != defaults[name]:
            option = f"--{name.replace('_', '-')}"
            raise make_error("bad_option", f"{option} is for files of integers, not for a SavedModel.",
                             remedy=f"--format tflite --weights int8, or leave {option} out")  # fmt: skip
    return ExportOptions(
        version=_parse_version(version),
        signatures=None if signatures is None else tuple(signatures),
        fold=fold,
        weights=weights,  # type: ignore[arg-type]
        base_path=PurePosixPath(base_path) if base_path else None,
    )


def _parse_version(version: int | str) -> int | None:
    """The version that the caller means; None for the next free one."""
    if version == "next":
        return None
    if not (str(version).isascii() and str(version).isdigit()):
        expected = "a whole number from 1, or next"
        raise make_error("bad_option", "A version is a number.", expected=expected, found=str(version))
    return int(version)


def _export_for_server(
    origin: TrainedModel,
    models_dir: Path,
    options: ExportOptions,
    images: Path | None,
    overrides: Overrides,
    log: Callable[[str], None],
) -> ExportResult:
    """Write a SavedModel, compared on images of the run, or those of a folder."""
    import_tensorflow()
    from kresnet.export.sample_inputs import sample_inputs
    from kresnet.export.saved_model import export_model as export
    from kresnet.weights.convert import load_model

    model = load_model(origin.model, origin.plan)
    inputs = sample_inputs(origin, images, overrides)
    for difference in inputs.differences:
        log(difference)
    log("Exporting, then loading the export in a fresh process through TensorFlow's C API.")
    return export(
        model, origin.spec, origin.class_names, models_dir, options,
        plan=origin.plan, inputs=inputs, origin=origin.provenance, temperatures=origin.temperatures,
    )  # fmt: skip


def _export_file(
    origin: TrainedModel,
    path: Path,
    options: FileOptions,
    images: Path | None,
    overrides: Overrides,
    log: Callable[[str], None],
) -> FileExportResult:
    """Write a file, calibrated and compared on images of the run, or those of a folder."""
    import_tensorflow()
    from kresnet.export.edge.export_rows import file_rows
    from kresnet.export.edge.file_export import export_file, require_file_format
    from kresnet.runs.activation_ranges import read_activation_ranges
    from kresnet.weights.convert import load_model

    require_file_format(origin.spec, origin.plan, path, options)
    rows = file_rows(origin, options.calibrate if options.calibrated else 0, images, overrides)
    for difference in rows.differences:
        log(difference)
    return export_file(
        load_model(origin.model, origin.plan), origin.spec, origin.class_names, path, options, rows,
        plan=origin.plan, origin=origin.provenance, temperatures=origin.temperatures,
        trained_ranges=read_activation_ranges(origin.model) if origin.run else None, tell=log,
    )  # fmt: skip


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


__all__ = ["export_model", "served_weights"]
