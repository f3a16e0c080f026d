"""Write a trained model as a SavedModel that TF Serving loads, and publish it once it is proved.

export = export_model(model, spec, class_names, Path("models"), golden_images=images)
export.path  # models/resnet50/1
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import kresnet
from kresnet.errors import fail
from kresnet.export import manifest, warmup
from kresnet.export.contract import Shape, Signature, contract
from kresnet.export.golden import Golden, make_golden
from kresnet.export.manifest import Manifest
from kresnet.export.proof import Report, check_export
from kresnet.export.signatures import Endpoint, endpoints, named
from kresnet.export.staging import stage
from kresnet.files import told_plainly
from kresnet.spec.architecture import Classifier, Spec


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A published version, and the proof that it serves.

    Attributes:
        path: `MODELS_DIR/NAME/VERSION`.
        version: its number.
        report: the proof, which also lies beside the model as `proof.json`.
    """

    path: Path
    version: int
    report: Report


def export_model(
    model: keras.Model,
    spec: Spec,
    class_names: Sequence[str],
    models_dir: Path,
    *,
    version: int | None = None,
    golden_images: Sequence[np.ndarray] | np.ndarray | None = None,
) -> ExportResult:
    """Write `models_dir/NAME/VERSION/`, prove it, and only then let a server see it.

    Args:
        model: the trained model: float32 `(N, H, W, C)`, values 0-255, or `(N, D)`, to float32 logits.
        spec: its network; `spec.name` names the served model.
        class_names: a name for each class, in order; empty where the head is not a classifier.
        models_dir: the folder that a server's models live in; created where missing.
        version: the version's number, or `None` for the next free one (1 first).
        golden_images: real inputs that the exported model must answer as `model` does (see
            `kresnet.export.golden.make_golden`); random ones where `None`.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `data_mismatch`, `disk_full`, `not_writable`; `export_mismatch`
            or `not_servable`, where the proof failed. Whatever is raised, nothing is left behind.
    """
    names = tuple(class_names)
    if isinstance(spec.head, Classifier) and len(names) != spec.head.classes:
        counts = {"expected": f"{spec.head.classes} names", "found": f"{len(names)} names"}
        raise fail("data_mismatch", "The class names do not match the network.", **counts)
    signatures = contract(spec, _output_shapes(model))
    with stage(Path(models_dir) / spec.name, version) as staged:
        golden = make_golden(model, spec, golden_images)
        with told_plainly(staged.base):
            _write_saved_model(staged.directory, endpoints(model, spec, names, signatures))
            (staged.directory / manifest.FOLDER).mkdir(parents=True)
            golden.save(staged.directory / manifest.GOLDEN)
            warmup.write(staged.directory / warmup.FILE, _warm_up(spec.name, signatures, golden))
            _write_text(staged.directory / manifest.SPEC, json.dumps(spec.document(), indent=2, ensure_ascii=False))
            _write_text(staged.directory / manifest.CLASS_NAMES, "\n".join(names))
            Manifest(
                name=spec.name,
                made_with={"kresnet": kresnet.__version__, "tensorflow": tf.__version__, "keras": keras.__version__},
                signatures=signatures,
                class_names=names,
                real_images=golden_images is not None,
                weights_bytes=sum(tf.as_dtype(one.dtype).size * int(np.prod(one.shape)) for one in model.weights),
                digests=manifest.digests(staged.directory),
            ).save(staged.directory)
        report = check_export(staged.directory)
        if not report.passed:
            raise report.error()
        path = staged.base / str(staged.version)
        report = Report(path, report.results, report.not_verified, report.facts)
        with told_plainly(staged.base):
            _write_text(staged.directory / manifest.PROOF, json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
        return ExportResult(staged.publish(), staged.version, report)


def _output_shapes(model: keras.Model) -> dict[str, Shape]:
    return {name: tuple(output.shape) for name, output in named(model, model.output).items()}


def _write_saved_model(directory: Path, served: dict[str, Endpoint]) -> None:
    """Write the functions and the variables that they use.

    Only `add_endpoint`: `track()` and `model.export` would store every weight a second time
    (keras-team/keras#23553), and a first endpoint not named `serving_default` would be written twice.
    """
    archive = keras.export.ExportArchive()
    for name, endpoint in served.items():
        archive.add_endpoint(name, endpoint.function, [endpoint.input])
    archive.write_out(str(directory), verbose=False)


def _warm_up(model: str, signatures: dict[str, Signature], golden: Golden) -> list[warmup.Request]:
    """A request of one row for each signature."""
    requests = []
    for name, signature in signatures.items():
        [(input_name, tensor)] = signature.inputs.items()
        encoded = tensor.dtype == "string"
        row = np.array(golden.encoded[:1], object) if encoded else golden.rows[:1].astype(np.float32)
        requests.append(warmup.Request(model, name, {input_name: row}))
    return requests


def _write_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
