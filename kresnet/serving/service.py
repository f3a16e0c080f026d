"""What both REST and gRPC offer: Predict, Classify, Regress, MultiInference, metadata, status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.batching import Arrays, RequestBatcher
from kresnet.serving.models import ModelManager
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
from kresnet.serving.request_json import invalid
from kresnet.serving.servable import DEFAULT_SIGNATURE, LoadedVersion
from kresnet.serving.tf_examples import serialized

METADATA = "signature_def"


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What a client may ask of the server.

    Attributes:
        request_bytes: largest request, unpacked.
        request_seconds: longest wait for a request to come whole, and for its answer to be taken.
        answer_seconds: longest wait for an answer to be ready.
    """

    request_bytes: int = 64 * 1024**2
    request_seconds: float = 30.0
    answer_seconds: float = 30.0


class Service:
    """Answers requests, whichever way they came.

    Every method raises `RuntimeFailure` with TF Serving's code and message where a request is refused.
    """

    def __init__(self, models: ModelManager, batcher: RequestBatcher, limits: RequestLimits) -> None:
        self.models, self.limits, self._batcher = models, limits, batcher

    def signature(self, spec: ModelSpec) -> tuple[LoadedVersion, SignatureDef]:
        """The signature that a REST request is to be read by."""
        servable = self.models.find(spec)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in servable.signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return servable, servable.signatures[name]

    async def predict(
        self, spec: ModelSpec, inputs: Arrays, wanted: Iterable[str] = (), servable: LoadedVersion | None = None
    ) -> tuple[ModelSpec, Arrays]:
        """Outputs by name, and which model gave them; `servable` where it has been looked up already."""
        servable = servable or self.models.find(spec)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in servable.signatures:
            raise RuntimeFailure("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                outputs = await servable.predict(name, inputs, wanted, self._batcher)
        except TimeoutError:
            raise RuntimeFailure("DEADLINE_EXCEEDED", f"No answer within {self.limits.answer_seconds:g} s.") from None
        return _answered_by(servable, name), outputs

    async def classify(self, spec: ModelSpec, request: Input) -> ClassificationResponse:
        """Labels and scores of each example."""
        servable, outputs = await self._run_examples(spec, request, "classification", ("classes", "scores"), 2)
        response = ClassificationResponse(model_spec=servable)
        classes, scores = outputs.get("classes"), outputs.get("scores")
        if classes is not None and scores is not None and classes.shape != scores.shape:
            raise invalid(f"Tensors class and score should match. Got {classes.shape} vs. {scores.shape}")
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
        """A value of each example."""
        servable, outputs = await self._run_examples(spec, request, "regression", ("outputs",), 1)
        response = RegressionResponse(model_spec=servable)
        for value in outputs["outputs"].ravel().tolist():
            response.result.regressions.add(value=value)
        return response

    async def multi_inference(self, request: MultiInferenceRequest) -> MultiInferenceResponse:
        """Several Classify and Regress tasks on the same examples."""
        if not request.tasks:
            raise invalid("Inference request must not be empty")
        response = MultiInferenceResponse()
        seen: set[str] = set()
        for task in request.tasks:
            if task.model_spec.name != request.tasks[0].model_spec.name:
                raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
            if task.model_spec.signature_name in seen:
                name = task.model_spec.signature_name
                raise invalid(f"Duplicate evaluation of signature: {name}")
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
        """The signatures of a model."""
        if not fields:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for name in fields:
            if name != METADATA:
                raise invalid(f"Metadata field {name} is not supported")
        servable = self.models.find(spec)
        response = GetModelMetadataResponse()
        response.model_spec.name = servable.name
        response.model_spec.version.value = servable.version
        response.metadata[METADATA].Pack(SignatureDefMap(signature_def=servable.signatures))
        return response

    def status(self, spec: ModelSpec) -> GetModelStatusResponse:
        """The state of a model's versions."""
        return GetModelStatusResponse(model_version_status=self.models.status(spec))

    async def reload(self, configs: Iterable[ModelConfig]) -> None:
        """Take over policies and labels of models that are served here."""
        self.models.configure(configs)
        await self.models.refresh()

    async def _run_examples(
        self, spec: ModelSpec, request: Input, kind: str, outputs: tuple[str, ...], dimensions: int
    ) -> tuple[ModelSpec, Arrays]:
        """Run a signature that takes serialized examples as `inputs` and gives some of `outputs`."""
        servable = self.models.find(spec)
        name = spec.signature_name or DEFAULT_SIGNATURE
        if name not in servable.signatures:
            raise invalid(f"No signature was found with the name: {name}")
        signature = servable.signatures[name]
        if len(signature.inputs) != 1:
            raise invalid("Expected one input Tensor.")
        if "inputs" not in signature.inputs:
            raise invalid(f"No {kind} inputs found in SignatureDef: {signature}")
        wanted = [output for output in outputs if output in signature.outputs]
        if not wanted or len(signature.outputs) > len(outputs):
            expected = " or ".join(f'"{output}"' for output in outputs)
            raise invalid(
                f"Expected {kind} signature outputs to contain at least one of {expected}. Signature was: {signature}"
            )
        examples = serialized(request)
        answered, arrays = await self.predict(spec, {"inputs": examples}, wanted, servable)
        for output, array in arrays.items():
            if array.ndim > dimensions or array.ndim == 0 or len(array) != len(examples):
                raise invalid(f"Expected {output} to be of {len(examples)} rows. Got: {list(array.shape)}")
        return answered, arrays


def _answered_by(servable: LoadedVersion, signature: str) -> ModelSpec:
    spec = ModelSpec(name=servable.name, signature_name=signature)
    spec.version.value = servable.version
    return spec
