"""Write a trained model as a SavedModel that TF Serving loads, and publish it once it is proved.

export = export_model(model, spec, class_names, Path("models"), inputs=SampleInputs(images, "test images"))
export.path  # models/resnet50/1
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kresnet.errors import KresnetError, make_error
from kresnet.export import manifest
from kresnet.export.export_options import ExportOptions
from kresnet.export.manifest import Manifest
from kresnet.export.proof import ProofReport, check_export
from kresnet.export.reference_outputs import ReferenceOutputs, reference_inputs, reference_outputs
from kresnet.export.request_inputs import request_inputs
from kresnet.export.sample_inputs import SampleInputs
from kresnet.export.served_network import proof_tolerance, served_network
from kresnet.export.server_files import list_models, write_server_files
from kresnet.export.signature_contract import (
    PREDICT_METHOD,
    Shape,
    Signature,
    declare_signatures,
    require_class_names,
)
from kresnet.export.signature_functions import SignatureFunction, make_signature_functions
from kresnet.export.version_folders import stage_version
from kresnet.export.warmup_requests import WARMUP_FILE, WarmupRequest, write_warmup_requests
from kresnet.files import translate_os_errors
from kresnet.graph import verify_model
from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec


@dataclass(frozen=True, slots=True)
class ExportResult:
    """A published version, and the proof that it serves.

    Attributes:
        path: `MODELS_DIR/NAME/VERSION`.
        version: its number.
        report: what was verified; the same is kept with the model as `proof.json`.
    """

    path: Path
    version: int
    report: ProofReport

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {"path": str(self.path), "version": self.version, "report": self.report.as_dict()}

    def lines(self) -> list[str]:
        """Return the proof as text for a human, a line for each check."""
        return self.report.lines()


def export_model(
    model: keras.Model,
    spec: Spec,
    class_names: Sequence[str],
    models_dir: Path,
    options: ExportOptions | None = None,
    *,
    plan: Plan | None = None,
    inputs: SampleInputs | None = None,
    origin: Mapping[str, Any] | None = None,
    temperatures: Sequence[float] | None = None,
) -> ExportResult:
    """Write `models_dir/NAME/VERSION/`, prove it, and only then let a server see it.

    Args:
        model: the trained model, built from `spec`; float32.
        spec: its network; `spec.name` names the served model.
        class_names: a name for each class, in order; empty where the head is not a classifier.
        models_dir: the folder that a server's models live in; created where missing.
        options: what may be chosen.
        plan: the plan of `spec`, where it has been made.
        inputs: real inputs that the exported model must answer as `model` does; random ones by default.
        origin: what the manifest shall say of where `model` comes from.
        temperatures: what a classifier's logits are divided by before they become probabilities (see
            `kresnet.runs.calibration`); None to take them as they are.

    Raises:
        KresnetError: `output_exists`, `bad_option`, `data_mismatch`, `weights_mismatch`, `disk_full`, `not_writable`;
            `export_mismatch` or `not_servable`, where the proof failed. Whatever is raised, no version is left behind.
    """
    options, inputs, names = options or ExportOptions(), inputs or SampleInputs(), tuple(class_names)
    require_class_names(spec, names)
    plan = plan or make_plan(spec)
    _require_network(model, plan)
    signatures = declare_signatures(spec, plan, _output_shapes(model, plan), options.signatures)
    with stage_version(Path(models_dir) / spec.name, options.version) as staged:
        rows = reference_inputs(spec, inputs.images)
        served, changes = served_network(model, plan, rows.rows, fold=options.fold, weights=options.weights)
        answers = served.predict(rows.rows)
        expected = ReferenceOutputs(rows.rows, rows.encoded, rows.kinds, reference_outputs(answers, spec, temperatures))
        with translate_os_errors(staged.base):
            functions = make_signature_functions(served, spec, names, signatures, temperatures)
            write_saved_model(staged.directory, functions, signatures)
            (staged.directory / manifest.FOLDER).mkdir(parents=True)
            expected.save(staged.directory / manifest.REFERENCE_OUTPUTS)
            requests = _make_warmup_requests(spec.name, signatures, expected)
            write_warmup_requests(staged.directory / WARMUP_FILE, requests)
            _write_text(staged.directory / manifest.SPEC, json.dumps(spec.document(), indent=2, ensure_ascii=False))
            _write_text(staged.directory / manifest.CLASS_NAMES, "\n".join(names))
            Manifest(
                name=spec.name,
                made_with=manifest.made_with(),
                signatures=signatures,
                class_names=names,
                reference_source=inputs.source,
                changes=tuple(change.as_dict() for change in changes),
                origin=dict(origin or {}),
                weights_bytes=served.weights_bytes,
                digests=manifest.file_digests(staged.directory),
                temperatures=tuple(temperatures) if temperatures else None,
                tolerance=proof_tolerance(served, rows.rows, answers),
            ).save(staged.directory)
        report = check_export(staged.directory)
        if not report.passed:
            raise report.make_error()
        report = replace(report, directory=staged.base / str(staged.version))
        with translate_os_errors(staged.base):
            _write_text(staged.directory / manifest.PROOF, json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
            write_server_files(staged.base, options.base_path)
        published = staged.publish()
        list_models(staged.base.parent, options.base_path)
        return ExportResult(published, staged.version, report)


def _require_network(model: keras.Model, plan: Plan) -> None:
    try:
        verify_model(model, plan)
    except KresnetError as error:
        first, *others = error.problems
        more = f"; and {len(others)} other differences" if others else ""
        raise make_error(
            "weights_mismatch", f"The model is not the network of {plan.name}: {first.message}{more}"
        ) from None


def _output_shapes(model: keras.Model, plan: Plan) -> dict[str, Shape]:
    outputs = model.output if isinstance(model.output, dict) else {next(iter(plan.outputs)): model.output}
    return {name: tuple(output.shape) for name, output in outputs.items()}


def write_saved_model(directory: Path, served: dict[str, SignatureFunction], signatures: dict[str, Signature]) -> None:
    """Write the functions and the variables that they use.

    Only `add_endpoint`: `track()` and `model.export` would store every weight a second time
    (keras-team/keras#23553), and a first endpoint not named `serving_default` would be written twice.
    """
    archive = keras.export.ExportArchive()
    for name, endpoint in served.items():
        archive.add_endpoint(name, endpoint.function, [endpoint.input])
    archive.write_out(str(directory), verbose=False)
    others = {name: one.method for name, one in signatures.items() if one.method != PREDICT_METHOD}
    if others:  # TensorFlow 2 writes every signature as Predict's
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(directory))
        for name, method in others.items():
            updater.replace_method_name(name, method, tags="serve")
        updater.save()


def _make_warmup_requests(
    model: str, signatures: dict[str, Signature], reference: ReferenceOutputs
) -> list[WarmupRequest]:
    """Return a request of one row for each signature."""
    return [
        WarmupRequest(model, name, request_inputs(name, signature, reference, [0]), signature.method)
        for name, signature in signatures.items()
    ]


def _write_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
