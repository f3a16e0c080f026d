"""TF Serving's REST API: paths, bodies and status codes of `model_servers/http_rest_api_handler.cc`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from aiohttp import web
from google.protobuf.json_format import MessageToDict, MessageToJson

from kresnet.export.capi import RuntimeFailure
from kresnet.serving import response_json
from kresnet.serving.inference_service import SIGNATURE_METADATA, InferenceService
from kresnet.serving.protos import ModelSpec, SignatureDefMap
from kresnet.serving.request_body import parse_body
from kresnet.serving.request_json import invalid_error, read_predict_inputs, read_signature_name
from kresnet.serving.server_metrics import METRICS_PATH as METRICS_PATH
from kresnet.serving.server_metrics import ServerMetrics
from kresnet.serving.tf_examples import read_examples

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_MODEL = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<metadata>metadata))?", re.IGNORECASE)

#: HTTP status by status code; any other is 500.
_HTTP_STATUS = {
    "OK": 200,
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
#: Bytes of a body from which on it is parsed in a thread.
_LONG_BODY = 2**20
_LARGEST_VERSION = 2**63 - 1


class RestApi:
    """Answers the HTTP requests of TF Serving's REST API."""

    def __init__(self, service: InferenceService, metrics: ServerMetrics) -> None:
        self._service, self._metrics, self._limits = service, metrics, service.limits

    def make_application(self) -> web.Application:
        """Return the aiohttp application, for a runner."""
        application = web.Application(client_max_size=self._limits.request_bytes)
        application.router.add_get(METRICS_PATH, self._metrics_page)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _metrics_page(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.render(), content_type="text/plain")

    async def _handle(self, request: web.Request) -> web.Response:
        """Answer any request: route it, turn failures into status codes, count it, and send the answer."""
        path = request.raw_path.partition("?")[0]
        if not re.match("/v1/", path, re.IGNORECASE):
            return web.Response(status=404, text="Not Found\n")
        began = time.perf_counter()
        spec, api = ModelSpec(), ""
        try:
            spec, api, answer = self._route(request, path)
            status, body, code = 200, await answer(), "OK"
        except RuntimeFailure as failure:
            status, body, code = (
                _HTTP_STATUS.get(failure.code, 500),
                response_json.error_response(failure.message),
                failure.code,
            )
        except web.HTTPRequestEntityTooLarge:
            message = f"The body is over {self._limits.request_bytes} bytes."
            status, body, code = 413, response_json.error_response(message), "RESOURCE_EXHAUSTED"
        except TimeoutError:
            message = f"The body had not come within {self._limits.request_seconds:g} s."
            status, body, code = 408, response_json.error_response(message), "DEADLINE_EXCEEDED"
        model = spec.name if spec.name in self._service.models.models else ""
        self._metrics.count_request(model, code, api, "REST", time.perf_counter() - began)
        response = web.Response(status=status, body=body, content_type="application/json")
        if status in (408, 413):
            response.force_close()  # the rest of the body is not wanted
        return await self._send_response(request, response)

    async def _send_response(self, request: web.Request, response: web.Response) -> web.Response:
        """Send a response; a client that does not take it in time is cut off."""
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport:
                request.transport.abort()
        return response

    def _route(self, request: web.Request, path: str) -> tuple[ModelSpec, str, Callable[[], Awaitable[bytes]]]:
        """Return the model that a request is about, the API that it uses, and the function that answers it."""
        if request.method == "OPTIONS":
            if not re.match("https?://", request.headers.get("Origin", "")):
                raise RuntimeFailure("FAILED_PRECONDITION", "Origin header is missing in CORS preflight")
            return ModelSpec(), "", _empty_body
        pattern = {"POST": _INFERENCE, "GET": _MODEL}.get(request.method)
        match = pattern.fullmatch(path) if pattern else None
        if not match:
            raise invalid_error(f"Malformed request: {request.method} {path}")
        spec = _model_spec(match)
        if request.method == "GET":
            metadata = match["metadata"] is not None
            return spec, "", lambda: self._metadata(spec) if metadata else self._status(spec)
        method = match["method"].lower()
        answer = {"predict": self._predict, "classify": self._classify, "regress": self._regress}[method]
        return spec, method.capitalize(), lambda: answer(spec, request)

    async def _read_body(self, request: web.Request) -> bytes:
        async with asyncio.timeout(self._limits.request_seconds):
            return await request.read()

    async def _read_document(self, request: web.Request) -> tuple[dict[str, Any], bytes]:
        """Return a request's JSON document and its text; a long one is parsed while others are answered."""
        body = await self._read_body(request)
        return (await asyncio.to_thread(parse_body, body) if len(body) > _LONG_BODY else parse_body(body)), body

    async def _predict(self, spec: ModelSpec, request: web.Request) -> bytes:
        document, body = await self._read_document(request)
        spec.signature_name = read_signature_name(document)
        loaded, signature = self._service.find_signature(spec)
        inputs, rows = read_predict_inputs(document, signature, body)
        _, outputs = await self._service.predict(spec, inputs, loaded=loaded)
        return response_json.predict_response(outputs, rows=rows)

    async def _classify(self, spec: ModelSpec, request: web.Request) -> bytes:
        document, _ = await self._read_document(request)
        spec.signature_name = read_signature_name(document)
        return response_json.classify_response((await self._service.classify(spec, read_examples(document))).result)

    async def _regress(self, spec: ModelSpec, request: web.Request) -> bytes:
        document, _ = await self._read_document(request)
        spec.signature_name = read_signature_name(document)
        return response_json.regress_response((await self._service.regress(spec, read_examples(document))).result)

    async def _status(self, spec: ModelSpec) -> bytes:
        if not spec.name:
            raise invalid_error("Missing model name in request.")
        response = self._service.status(spec)
        return MessageToJson(
            response, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
        ).encode()

    async def _metadata(self, spec: ModelSpec) -> bytes:
        if not spec.name:
            raise invalid_error("Missing model name in request.")
        response = self._service.metadata(spec, [SIGNATURE_METADATA])
        signatures = SignatureDefMap()
        response.metadata[SIGNATURE_METADATA].Unpack(signatures)
        options = {"always_print_fields_with_no_presence": True, "preserving_proto_field_name": True}
        metadata = {SIGNATURE_METADATA: MessageToDict(signatures, **options)}
        document = {"model_spec": MessageToDict(response.model_spec, **options), "metadata": metadata}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)


async def _empty_body() -> bytes:
    return b""


def _model_spec(match: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=_decode_percent(match["name"] or ""))
    if match["version"]:
        version = int(match["version"]) if len(match["version"]) <= len(str(_LARGEST_VERSION)) else 2**63
        if version > _LARGEST_VERSION:
            raise invalid_error(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = version
    if match["label"]:
        spec.version_label = _decode_percent(match["label"])
    return spec


def _decode_percent(name: str) -> str:
    return unquote_to_bytes(name).decode(errors="replace")
