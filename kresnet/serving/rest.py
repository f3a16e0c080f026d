"""TF Serving's REST API: paths, bodies and status codes of `model_servers/http_rest_api_handler.cc`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from urllib.parse import unquote_to_bytes

import orjson
from aiohttp import web
from google.protobuf.json_format import MessageToDict, MessageToJson

from kresnet.export.capi import RuntimeFailure
from kresnet.serving import response_json as writing
from kresnet.serving.metrics import PATH as METRICS_PATH
from kresnet.serving.metrics import Metrics
from kresnet.serving.protos import ModelSpec, SignatureDefMap
from kresnet.serving.request_json import invalid, parse, read_inputs, signature_name
from kresnet.serving.service import METADATA, Service
from kresnet.serving.tf_examples import read_input

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_MODEL = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<metadata>metadata))?", re.IGNORECASE)

#: HTTP status by status code; any other is 500.
_HTTP = {
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
_LARGEST_VERSION = 2**63 - 1


class Rest:
    """Requests to answers."""

    def __init__(self, service: Service, metrics: Metrics) -> None:
        self._service, self._metrics, self._limits = service, metrics, service.limits

    def application(self) -> web.Application:
        """The application, for a runner."""
        application = web.Application(client_max_size=self._limits.request_bytes)
        application.router.add_get(METRICS_PATH, self._metrics_page)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _metrics_page(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics.page(), content_type="text/plain")

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        if not re.match("/v1/", path, re.IGNORECASE):
            return web.Response(status=404, text="Not Found\n")
        began = time.perf_counter()
        spec, api = ModelSpec(), ""
        try:
            spec, api, answer = self._route(request, path)
            status, body, code = 200, await answer(), "OK"
        except RuntimeFailure as failure:
            status, body, code = _HTTP.get(failure.code, 500), writing.error(failure.message), failure.code
        except web.HTTPRequestEntityTooLarge:
            message = f"The body is over {self._limits.request_bytes} bytes."
            status, body, code = 413, writing.error(message), "RESOURCE_EXHAUSTED"
        except TimeoutError:
            message = f"The body had not come within {self._limits.request_seconds:g} s."
            status, body, code = 408, writing.error(message), "DEADLINE_EXCEEDED"
        model = spec.name if spec.name in self._service.models.models else ""
        self._metrics.count(model, code, api, "REST", time.perf_counter() - began)
        response = web.Response(status=status, body=body, content_type="application/json")
        if status in (408, 413):
            response.force_close()  # the rest of the body is not wanted
        return await self._sent(request, response)

    async def _sent(self, request: web.Request, response: web.Response) -> web.Response:
        """The response, once its client has taken it; one that does not is cut off."""
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport:
                request.transport.abort()
        return response

    def _route(self, request: web.Request, path: str) -> tuple[ModelSpec, str, Callable[[], Awaitable[bytes]]]:
        """The model that a request is about, the API it uses, and what answers it."""
        if request.method == "OPTIONS":
            if not re.match("https?://", request.headers.get("Origin", "")):
                raise RuntimeFailure("FAILED_PRECONDITION", "Origin header is missing in CORS preflight")
            return ModelSpec(), "", _nothing
        pattern = {"POST": _INFERENCE, "GET": _MODEL}.get(request.method)
        match = pattern.fullmatch(path) if pattern else None
        if not match:
            raise invalid(f"Malformed request: {request.method} {path}")
        spec = _model_spec(match)
        if request.method == "GET":
            metadata = match["metadata"] is not None
            return spec, "", lambda: self._metadata(spec) if metadata else self._status(spec)
        method = match["method"].lower()
        answer = {"predict": self._predict, "classify": self._classify, "regress": self._regress}[method]
        return spec, method.capitalize(), lambda: answer(spec, request)

    async def _body(self, request: web.Request) -> bytes:
        async with asyncio.timeout(self._limits.request_seconds):
            return await request.read()

    async def _predict(self, spec: ModelSpec, request: web.Request) -> bytes:
        body = await self._body(request)
        document = parse(body)
        spec.signature_name = signature_name(document)
        servable, signature = self._service.signature(spec)
        inputs, rows = read_inputs(document, signature, body)
        _, outputs = await self._service.predict(spec, inputs, servable=servable)
        return writing.predictions(outputs, rows=rows)

    async def _classify(self, spec: ModelSpec, request: web.Request) -> bytes:
        document = parse(await self._body(request))
        spec.signature_name = signature_name(document)
        return writing.classifications((await self._service.classify(spec, read_input(document))).result)

    async def _regress(self, spec: ModelSpec, request: web.Request) -> bytes:
        document = parse(await self._body(request))
        spec.signature_name = signature_name(document)
        return writing.regressions((await self._service.regress(spec, read_input(document))).result)

    async def _status(self, spec: ModelSpec) -> bytes:
        if not spec.name:
            raise invalid("Missing model name in request.")
        response = self._service.status(spec)
        return MessageToJson(
            response, always_print_fields_with_no_presence=True, preserving_proto_field_name=True
        ).encode()

    async def _metadata(self, spec: ModelSpec) -> bytes:
        if not spec.name:
            raise invalid("Missing model name in request.")
        response = self._service.metadata(spec, [METADATA])
        signatures = SignatureDefMap()
        response.metadata[METADATA].Unpack(signatures)
        options = {"always_print_fields_with_no_presence": True, "preserving_proto_field_name": True}
        metadata = {METADATA: MessageToDict(signatures, **options)}
        document = {"model_spec": MessageToDict(response.model_spec, **options), "metadata": metadata}
        return orjson.dumps(document, option=orjson.OPT_INDENT_2)


async def _nothing() -> bytes:
    return b""


def _model_spec(match: re.Match[str]) -> ModelSpec:
    spec = ModelSpec(name=_decoded(match["name"] or ""))
    if match["version"]:
        version = int(match["version"]) if len(match["version"]) <= len(str(_LARGEST_VERSION)) else 2**63
        if version > _LARGEST_VERSION:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = version
    if match["label"]:
        spec.version_label = _decoded(match["label"])
    return spec


def _decoded(name: str) -> str:
    return unquote_to_bytes(name).decode(errors="replace")
