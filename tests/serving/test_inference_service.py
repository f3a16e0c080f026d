"""The service behind REST and gRPC, asked about a model that is made up."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kresnet.export.capi import RuntimeFailure
from kresnet.serving.inference_service import SIGNATURE_METADATA, InferenceService, RequestLimits
from kresnet.serving.protos import DataType, Input, ModelSpec, MultiInferenceRequest, SignatureDef, SignatureDefMap


def text_signature(*outputs: str) -> SignatureDef:
    definition = SignatureDef()
    definition.inputs["inputs"].dtype = DataType.DT_STRING
    for name in outputs:
        definition.outputs[name].dtype = DataType.DT_FLOAT
    return definition


class SlowModel:
    """Answers each example with its length, after some time."""

    name, version = "made up", 3
    signatures = {"serving_default": text_signature("outputs"), "classify": text_signature("classes", "scores")}  # noqa: RUF012

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    async def predict(self, signature: str, inputs: dict[str, np.ndarray], *_: Any) -> dict[str, np.ndarray]:
        await asyncio.sleep(self.seconds)
        lengths = np.array([len(one) for one in inputs["inputs"]], np.float32)
        if signature == "serving_default":
            return {"outputs": lengths}
        return {"scores": lengths[:, None], "classes": np.array([[b"length"]] * len(lengths), object)}


def make_service(seconds: float = 0.0) -> InferenceService:
    models: Any = SimpleNamespace(find=lambda spec: SlowModel(seconds))
    batcher: Any = None
    return InferenceService(models, batcher, RequestLimits(answer_seconds=0.2))


def examples(count: int) -> Input:
    request = Input()
    for _ in range(count):
        request.example_list.examples.add().features.feature["x"].int64_list.value.append(1)
    return request


SPEC = ModelSpec(name="made up")


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(RuntimeFailure) as caught:
        asyncio.run(make_service(5.0).predict(SPEC, {"inputs": np.array([b"a"], object)}))
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_each_task_of_several_gets_its_answer() -> None:
    request = MultiInferenceRequest(input=examples(2))
    request.tasks.add(model_spec=SPEC, method_name="tensorflow/serving/regress")
    classify = ModelSpec(name="made up", signature_name="classify")
    request.tasks.add(model_spec=classify, method_name="tensorflow/serving/classify")
    regressed, classified = asyncio.run(make_service().multi_inference(request)).results
    lengths = [one.value for one in regressed.regression_result.regressions]
    assert len(lengths) == 2
    assert regressed.model_spec.version.value == 3
    rows = classified.classification_result.classifications
    assert [(row.classes[0].label, row.classes[0].score) for row in rows] == [("length", length) for length in lengths]


def test_tasks_that_cannot_be_answered_are_refused() -> None:
    twice = MultiInferenceRequest(input=examples(1))
    for _ in range(2):
        twice.tasks.add(model_spec=SPEC, method_name="tensorflow/serving/regress")
    for request, reason in ((MultiInferenceRequest(), "must not be empty"), (twice, "Duplicate evaluation")):
        with pytest.raises(RuntimeFailure, match=reason):
            asyncio.run(make_service().multi_inference(request))


def test_metadata_holds_the_signatures() -> None:
    signatures = SignatureDefMap()
    assert make_service().metadata(SPEC, [SIGNATURE_METADATA]).metadata[SIGNATURE_METADATA].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "classify"}
    with pytest.raises(RuntimeFailure, match="other is not supported"):
        make_service().metadata(SPEC, ["other"])
