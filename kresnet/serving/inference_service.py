"""The service behind both REST and gRPC: Predict, Classify, Regress, MultiInference, metadata, status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.batching import Arrays, RequestBatcher
from kresnet.serving.loaded_version import DEFAULT_SIGNATURE, LoadedVersion
from kresnet.serving.model_manager import ModelManager
from kresnet.serving.protos import (
    ClassificationResponse,
    GetModelMetadataResponse,
    GetModelStatusResponse,
    Input,
    ModelConfig,
    ModelSpec,
    MultiInferenceRequest,
    MultiInferenceResponse,
    RegressionResponse,
    SignatureDef,
    SignatureDefMap,
)
from kresnet.serving.request_json import invalid_error
from kresnet.serving.tf_examples import serialize_examples

SIGNATURE_METADATA = "signature_def"


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits on what a client may ask of the server.

    Attributes:
        request_bytes: bytes of the largest request, unpacked.
        request_seconds: longest time in which a request must have come whole, and an answer be taken.
        answer_seconds: longest time in which an answer must be ready.
    """

    request_bytes: int = 64 * 1024**2
    request_seconds: float = 30.0
    answer_seconds: float = 30.0


class InferenceService:
    """Answers requests that came by REST or by gRPC.

    Every method raises `RuntimeFailure` with TF Serving's code and message where a request is refused.
    """

    def __init__(self, models: ModelManager, batcher: RequestBatcher, limits: RequestLimits) -> None:
        self.models, self.limits, self._batcher = models, limits, batcher

    def find_signature(self, spec: ModelSpec) -> tuple[LoadedVersion, SignatureDef]:
        """Return the loaded version that a REST request is for, and the signature that its body is read by."""
        loaded = self.models.find(spec)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in loaded.signatures:
            raise invalid_error(f'Serving signature name: "{name}" not found in signature def')
        return loaded, loaded.signatures[name]

    async def predict(
        self, spec: ModelSpec, inputs: Arrays, wanted: Iterable[str] = (), loaded: LoadedVersion | None = None
    ) -> tuple[ModelSpec, Arrays]:
        """Return which model answers, and its outputs by name; `loaded` is the version, if it was looked up already."""
        loaded = loaded or self.models.find(spec)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in loaded.signatures:
            raise RuntimeFailure("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                outputs = await loaded.predict(name, inputs, wanted, self._batcher)
        except TimeoutError:
            raise RuntimeFailure("DEADLINE_EXCEEDED", f"No answer within {self.limits.answer_seconds:g} s.") from None
        return _answering_model_spec(loaded, name), outputs

    async def classify(self, spec: ModelSpec, request: Input) -> ClassificationResponse:
        """Return labels and scores of each example."""
        loaded, outputs = await self._run_examples(spec, request, "classification", ("classes", "scores"), 2)
        response = ClassificationResponse(model_spec=loaded)
        classes, scores = outputs.get("classes"), outputs.get("scores")
        if classes is not None and scores is not None and classes.shape != scores.shape:
            raise invalid_error(f"Tensors class and score should match. Got {classes.shape} vs. {scores.shape}")
        for row in range(len(next(iter(outputs.values())))):
            answer = response.result.classifications.add()
            for column in range(next(iter(outputs.values())).shape[1]):
                one = answer.classes.add()
                if classes is not None:
                    one.label = classes[row, column].decode(errors="replace")
                if scores is not None:
                    one.score = scores[row, column]
        return response

    async def regress(self, spec: ModelSpec, request: Input) -> RegressionResponse:
        """Return a value for each example."""
        loaded, outputs = await self._run_examples(spec, request, "regression", ("outputs",), 1)
        response = RegressionResponse(model_spec=loaded)
        for value in outputs["outputs"].ravel().tolist():
            response.result.regressions.add(value=value)
        return response

    async def multi_inference(self, request: MultiInferenceRequest) -> MultiInferenceResponse:
        """Answer several Classify and Regress tasks on the same examples."""
        if not request.tasks:
            raise invalid_error("Inference request must not be empty")
        response = MultiInferenceResponse()
        seen: set[str] = set()
        for task in request.tasks:
            if task.model_spec.name != request.tasks[0].model_spec.name:
                raise invalid_error("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
            if task.model_spec.signature_name in seen:
                name = task.model_spec.signature_name
                raise invalid_error(f"Duplicate evaluation of signature: {name}")
            seen.add(task.model_spec.signature_name)
            if task.method_name == "tensorflow/serving/classify":
                classified = await self.classify(task.model_spec, request.input)
                response.results.add(model_spec=classified.model_spec, classification_result=classified.result)
            elif task.method_name == "tensorflow/serving/regress":
                regressed = await self.regress(task.model_spec, request.input)
                response.results.add(model_spec=regressed.model_spec, regression_result=regressed.result)
            else:
                raise RuntimeFailure("UNIMPLEMENTED", f"Unsupported signature method_name: {task.method_name}")
        return response

    def metadata(self, spec: ModelSpec, fields: Iterable[str]) -> GetModelMetadataResponse:
        """Return the signatures of a model."""
        if not fields:
            raise invalid_error("GetModelMetadataRequest must specify at least one metadata_field")
        for name in fields:
            if name != SIGNATURE_METADATA:
                raise invalid_error(f"Metadata field {name} is not supported")
        loaded = self.models.find(spec)
        response = GetModelMetadataResponse()
        response.model_spec.name = loaded.name
        response.model_spec.version.value = loaded.version
        response.metadata[SIGNATURE_METADATA].Pack(SignatureDefMap(signature_def=loaded.signatures))
        return response

    def status(self, spec: ModelSpec) -> GetModelStatusResponse:
        """Return the state of a model's versions."""
        return GetModelStatusResponse(model_version_status=self.models.status(spec))

    async def reload(self, configs: Iterable[ModelConfig]) -> None:
        """Replace policies and labels of models that are served here."""
        self.models.configure(configs)
        await self.models.refresh()

    async def _run_examples(
        self, spec: ModelSpec, request: Input, kind: str, outputs: tuple[str, ...], dimensions: int
    ) -> tuple[ModelSpec, Arrays]:
        """Run a signature that takes serialized examples as `inputs` and gives some of `outputs`."""
        loaded = self.models.find(spec)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in loaded.signatures:
            raise invalid_error(f"No signature was found with the name: {name}")
        signature = loaded.signatures[name]
        if len(signature.inputs) != 1:
            raise invalid_error("Expected one input Tensor.")
        if "inputs" not in signature.inputs:
            raise invalid_error(f"No {kind} inputs found in SignatureDef: {signature}")
        wanted = [output for output in outputs if output in signature.outputs]
        if not wanted or len(signature.outputs) > len(outputs):
            expected = " or ".join(f'"{output}"' for output in outputs)
            raise invalid_error(
                f"Expected {kind} signature outputs to contain at least one of {expected}. Signature was: {signature}"
            )
        examples = serialize_examples(request)
        answered, arrays = await self.predict(spec, {"inputs": examples}, wanted, loaded)
        for output, array in arrays.items():
            if array.ndim > dimensions or array.ndim == 0 or len(array) != len(examples):
                raise invalid_error(f"Expected {output} to be of {len(examples)} rows. Got: {list(array.shape)}")
        return answered, arrays


def _answering_model_spec(loaded: LoadedVersion, signature: str) -> ModelSpec:
    spec = ModelSpec(name=loaded.name, signature_name=signature)
    spec.version.value = loaded.version
    return spec
