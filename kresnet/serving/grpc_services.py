"""TF Serving's gRPC services: PredictionService and ModelService."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from kresnet.export.capi import CODES, RuntimeFailure
from kresnet.export.tensor_protos import to_array, to_proto
from kresnet.serving.metrics import Metrics
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
from kresnet.serving.request_json import invalid
from kresnet.serving.service import Service

#: A connection is replaced once it is this many times as old as a request may take to come: gRPC itself would wait
#: for the rest of a call for ever.
_AGE = 4


def make_server(service: Service, metrics: Metrics) -> grpc.aio.Server:
    """A server with both services, not started yet.

    Args:
        service: what answers; its limit of a request's bytes is also that of its tensors, unpacked.
        metrics: what counts.
    """
    limits = service.limits
    milliseconds = {
        "server_handshake_timeout_ms": limits.request_seconds,
        "max_connection_age_ms": _AGE * limits.request_seconds,  # clients connect anew, and lose no call
        "max_connection_age_grace_ms": limits.request_seconds + limits.answer_seconds,
    }
    options = [(f"grpc.{name}", round(1000 * seconds)) for name, seconds in milliseconds.items()]
    options += [("grpc.max_receive_message_length", limits.request_bytes), ("grpc.so_reuseport", 0)]
    server = grpc.aio.server(options=options)
    add_PredictionServiceServicer_to_server(_Prediction(service, metrics), server)
    add_ModelServiceServicer_to_server(_Model(service), server)
    return server


async def _answered(context: grpc.aio.ServicerContext, answer: Awaitable[Any]) -> Any:
    """The answer, or the failure as gRPC tells it."""
    try:
        return await answer
    except RuntimeFailure as failure:
        await context.abort(_status(failure), failure.message)


def _status(failure: RuntimeFailure) -> grpc.StatusCode:
    return grpc.StatusCode[failure.code] if failure.code in CODES else grpc.StatusCode.UNKNOWN


class _Prediction(PredictionServiceServicer):
    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service, self._metrics = service, metrics

    async def _counted(
        self, api: str, request: Any, context: grpc.aio.ServicerContext, answer: Callable[[], Awaitable[Any]]
    ) -> Any:
        began, code = time.perf_counter(), "OK"
        try:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return await answer()
        except RuntimeFailure as failure:
            code = failure.code
            await context.abort(_status(failure), failure.message)
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        finally:
            name = request.model_spec.name
            model = name if name in self._service.models.models else ""
            self._metrics.count(model, code, api, "GRPC", time.perf_counter() - began)

    async def Predict(self, request: PredictRequest, context: grpc.aio.ServicerContext) -> PredictResponse:
        async def answer() -> PredictResponse:
            servable = self._service.models.find(request.model_spec)  # an unknown model is told before a bad tensor
            limit = self._service.limits.request_bytes
            inputs = {name: to_array(proto, limit) for name, proto in request.inputs.items()}
            spec, outputs = await self._service.predict(request.model_spec, inputs, request.output_filter, servable)
            return PredictResponse(model_spec=spec, outputs={name: to_proto(array) for name, array in outputs.items()})

        return await self._counted("Predict", request, context, answer)

    async def Classify(
        self, request: ClassificationRequest, context: grpc.aio.ServicerContext
    ) -> ClassificationResponse:
        return await self._counted(
            "Classify", request, context, lambda: self._service.classify(request.model_spec, request.input)
        )

    async def Regress(self, request: RegressionRequest, context: grpc.aio.ServicerContext) -> RegressionResponse:
        return await self._counted(
            "Regress", request, context, lambda: self._service.regress(request.model_spec, request.input)
        )

    async def MultiInference(
        self, request: MultiInferenceRequest, context: grpc.aio.ServicerContext
    ) -> MultiInferenceResponse:
        return await _answered(context, self._service.multi_inference(request))

    async def GetModelMetadata(
        self, request: GetModelMetadataRequest, context: grpc.aio.ServicerContext
    ) -> GetModelMetadataResponse:
        async def answer() -> GetModelMetadataResponse:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return self._service.metadata(request.model_spec, request.metadata_field)

        return await _answered(context, answer())


class _Model(ModelServiceServicer):
    def __init__(self, service: Service) -> None:
        self._service = service

    async def GetModelStatus(
        self, request: GetModelStatusRequest, context: grpc.aio.ServicerContext
    ) -> GetModelStatusResponse:
        async def answer() -> GetModelStatusResponse:
            if not request.HasField("model_spec"):
                raise invalid("Missing ModelSpec")
            return self._service.status(request.model_spec)

        return await _answered(context, answer())

    async def HandleReloadConfigRequest(
        self, request: ReloadConfigRequest, context: grpc.aio.ServicerContext
    ) -> ReloadConfigResponse:
        async def answer() -> ReloadConfigResponse:
            if request.config.WhichOneof("config") != "model_config_list":
                message = "ServerModelConfig type not supported by HandleReloadConfigRequest."
                raise invalid(f"{message} Only ModelConfigList is currently supported")
            await self._service.reload(request.config.model_config_list.config)
            return ReloadConfigResponse()

        return await _answered(context, answer())
