"""TF Serving's gRPC services: PredictionService and ModelService."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from kresnet.export.capi import STATUS_CODES, RuntimeFailure
from kresnet.export.tensor_protos import array_of_proto, proto_of_array
from kresnet.serving.inference_service import InferenceService
from kresnet.serving.protos import (
    ClassificationRequest,
    ClassificationResponse,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelServiceServicer,
    MultiInferenceRequest,
    MultiInferenceResponse,
    PredictionServiceServicer,
    PredictRequest,
    PredictResponse,
    RegressionRequest,
    RegressionResponse,
    ReloadConfigRequest,
    ReloadConfigResponse,
    add_ModelServiceServicer_to_server,
    add_PredictionServiceServicer_to_server,
)
from kresnet.serving.request_json import invalid_error
from kresnet.serving.server_metrics import ServerMetrics

#: A connection is replaced once it is this many times as old as a request may take to come: gRPC itself would wait
#: for the rest of a call for ever.
_MAX_AGE_REQUESTS = 4


def make_grpc_server(service: InferenceService, metrics: ServerMetrics) -> grpc.aio.Server:
    """Return a server with both services, not started yet.

    Args:
        service: answers the requests; its limit of a request's bytes is also that of its unpacked tensors.
        metrics: counts the requests.
    """
    limits = service.limits
    milliseconds = {
        "server_handshake_timeout_ms": limits.request_seconds,
        "max_connection_age_ms": _MAX_AGE_REQUESTS * limits.request_seconds,  # clients connect anew, and lose no call
        "max_connection_age_grace_ms": limits.request_seconds + limits.answer_seconds,
    }
    options = [(f"grpc.{name}", round(1000 * seconds)) for name, seconds in milliseconds.items()]
    options += [("grpc.max_receive_message_length", limits.request_bytes), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options)
    add_PredictionServiceServicer_to_server(_PredictionServicer(service, metrics), server)
    add_ModelServiceServicer_to_server(_ModelServicer(service), server)
    return server


async def _answer_or_abort(context: grpc.aio.ServicerContext, answer: Awaitable[Any]) -> Any:
    """Return the answer, or end the call with the status code of its failure."""
    try:
        return await answer
    except RuntimeFailure as failure:
        await context.abort(_grpc_status(failure), failure.message)


def _grpc_status(failure: RuntimeFailure) -> grpc.StatusCode:
    return grpc.StatusCode[failure.code] if failure.code in STATUS_CODES else grpc.StatusCode.UNKNOWN


class _PredictionServicer(PredictionServiceServicer):
    def __init__(self, service: InferenceService, metrics: ServerMetrics) -> None:
        self._service, self._metrics = service, metrics

    async def _answer_and_count(
        self, api: str, request: Any, context: grpc.aio.ServicerContext, answer: Callable[[], Awaitable[Any]]
    ) -> Any:
        began, code = time.perf_counter(), "OK"
        try:
            if not request.HasField("model_spec"):
                raise invalid_error("Missing ModelSpec")
            return await answer()
        except RuntimeFailure as failure:
            code = failure.code
            await context.abort(_grpc_status(failure), failure.message)
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            name = request.model_spec.name
            model = name if name in self._service.models.models else ""
            self._metrics.count_request(model, code, api, "GRPC", time.perf_counter() - began)

    async def Predict(self, request: PredictRequest, context: grpc.aio.ServicerContext) -> PredictResponse:
        async def answer() -> PredictResponse:
            loaded = self._service.models.find(request.model_spec)  # an unknown model is told before a bad tensor
            limit = self._service.limits.request_bytes
            inputs = {name: array_of_proto(proto, limit) for name, proto in request.inputs.items()}
            spec, outputs = await self._service.predict(request.model_spec, inputs, request.output_filter, loaded)
            return PredictResponse(
                model_spec=spec, outputs={name: proto_of_array(array) for name, array in outputs.items()}
            )

        return await self._answer_and_count("Predict", request, context, answer)

    async def Classify(
        self, request: ClassificationRequest, context: grpc.aio.ServicerContext
    ) -> ClassificationResponse:
        return await self._answer_and_count(
            "Classify", request, context, lambda: self._service.classify(request.model_spec, request.input)
        )

    async def Regress(self, request: RegressionRequest, context: grpc.aio.ServicerContext) -> RegressionResponse:
        return await self._answer_and_count(
            "Regress", request, context, lambda: self._service.regress(request.model_spec, request.input)
        )

    async def MultiInference(
        self, request: MultiInferenceRequest, context: grpc.aio.ServicerContext
    ) -> MultiInferenceResponse:
        return await _answer_or_abort(context, self._service.multi_inference(request))

    async def GetModelMetadata(
        self, request: GetModelMetadataRequest, context: grpc.aio.ServicerContext
    ) -> GetModelMetadataResponse:
        async def answer() -> GetModelMetadataResponse:
            if not request.HasField("model_spec"):
                raise invalid_error("Missing ModelSpec")
            return self._service.metadata(request.model_spec, request.metadata_field)

        return await _answer_or_abort(context, answer())


class _ModelServicer(ModelServiceServicer):
    def __init__(self, service: InferenceService) -> None:
        self._service = service

    async def GetModelStatus(
        self, request: GetModelStatusRequest, context: grpc.aio.ServicerContext
    ) -> GetModelStatusResponse:
        async def answer() -> GetModelStatusResponse:
            if not request.HasField("model_spec"):
                raise invalid_error("Missing ModelSpec")
            return self._service.status(request.model_spec)

        return await _answer_or_abort(context, answer())

    async def HandleReloadConfigRequest(
        self, request: ReloadConfigRequest, context: grpc.aio.ServicerContext
    ) -> ReloadConfigResponse:
        async def answer() -> ReloadConfigResponse:
            if request.config.WhichOneof("config") != "model_config_list":
                message = "ServerModelConfig type not supported by HandleReloadConfigRequest."
                raise invalid_error(f"{message} Only ModelConfigList is currently supported")
            await self._service.reload(request.config.model_config_list.config)
            return ReloadConfigResponse()

        return await _answer_or_abort(context, answer())
