"""The embedded server: TF Serving's REST and gRPC over TensorFlow's C API, in one asyncio process.

For development: TF Serving itself has the warm standby, the batching threads and the years.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web

from kresnet.cores import usable_cores
from kresnet.errors import make_error
from kresnet.export.capi import disable_xla, tune
from kresnet.serving.batching import RequestBatcher
from kresnet.serving.grpc_services import make_server
from kresnet.serving.metrics import Metrics
from kresnet.serving.model_folder import newest, require_models
from kresnet.serving.models import ModelManager
from kresnet.serving.rest import Rest
from kresnet.serving.servable import LoadedVersion
from kresnet.serving.service import RequestLimits, Service
from kresnet.serving.threads import run_threads

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to serve.

    Attributes:
        host: to listen on; only `LOOPBACK` unless the user says otherwise.
        rest_port, grpc_port: 0 for any free one.
        limits: what a client may ask.
        run_threads: threads of a run; None for what suits the models.
        most_rows: of one run.
        most_waiting_rows: before requests are refused.
        poll_seconds: between looks at the versions.
    """

    host: str = LOOPBACK
    rest_port: int = 8501
    grpc_port: int = 8500
    limits: RequestLimits = RequestLimits()  # noqa: RUF009 - frozen
    run_threads: int | None = None
    most_rows: int = 64
    most_waiting_rows: int = 4096
    poll_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes requests.

    Attributes:
        models: what is served.
        rest_port, grpc_port: where.
        run_threads: of a run.
        runs: at once.
    """

    models: ModelManager
    rest_port: int
    grpc_port: int
    run_threads: int
    runs: int


@asynccontextmanager
async def serving(directory: Path, settings: ServerSettings) -> AsyncIterator[RunningServer]:
    """Serve a directory; on leaving, requests under way are answered.

    Raises:
        KresnetError: `model_unreadable`, `environment` where a port is taken.
    """
    found = require_models(directory)
    disable_xla()
    threads = tune(settings.run_threads or run_threads(map(newest, found.values())))
    models = ModelManager(directory, partial(LoadedVersion, on_callers_thread=threads == 1))
    runs = max(len(usable_cores()) // threads, 1)
    async with AsyncExitStack() as leaving:
        executor = leaving.enter_context(ThreadPoolExecutor(runs, thread_name_prefix="run"))
        batcher = RequestBatcher(
            executor, runs_at_once=runs, most_rows=settings.most_rows, most_waiting_rows=settings.most_waiting_rows
        )
        service, metrics = Service(models, batcher, settings.limits), Metrics()
        await models.refresh()
        leaving.push_async_callback(models.close)

        rest_port = await _start_rest(Rest(service, metrics), settings, leaving)
        server = make_server(service, metrics)
        grpc_port = _bind_grpc(server, settings)
        await server.start()
        leaving.push_async_callback(server.stop, settings.limits.answer_seconds)

        polling = asyncio.create_task(models.poll(settings.poll_seconds))
        leaving.push_async_callback(_cancelled, polling)
        yield RunningServer(models, rest_port, grpc_port, threads, runs)


async def _start_rest(rest: Rest, settings: ServerSettings, leaving: AsyncExitStack) -> int:
    runner = web.AppRunner(
        rest.application(),
        access_log=None,
        handle_signals=False,
        keepalive_timeout=settings.limits.request_seconds,  # also the longest that a request's head may take to come
        shutdown_timeout=settings.limits.answer_seconds,
    )
    await runner.setup()
    leaving.push_async_callback(runner.cleanup)
    listening = _listen(settings.host, settings.rest_port)
    await web.SockSite(runner, listening).start()
    return listening.getsockname()[1]


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=512)
    except OSError as error:
        raise _taken(host, port, error.strerror or str(error)) from None


def _bind_grpc(server: object, settings: ServerSettings) -> int:
    try:
        return server.add_insecure_port(f"{settings.host}:{settings.grpc_port}")  # type: ignore[attr-defined]
    except RuntimeError as error:
        raise _taken(settings.host, settings.grpc_port, str(error)) from None


def _taken(host: str, port: int, reason: str) -> Exception:
    message = f"Nothing can listen on {host}:{port}: {reason}."
    return make_error("environment", message, remedy="another --rest-port or --grpc-port; 0 takes a free one")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def serve(directory: Path, settings: ServerSettings, started: Callable[[RunningServer], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        directory: `MODELS_DIR`.
        settings: how.
        started: called once requests are taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    asyncio.run(_serve(directory, settings, started))


async def _serve(directory: Path, settings: ServerSettings, started: Callable[[RunningServer], None]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with serving(directory, settings) as running:
        started(running)
        await stopping.wait()
