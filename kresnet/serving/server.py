"""The embedded server: TF Serving's REST and gRPC over TensorFlow's C API, in one asyncio process.

For development: TF Serving itself has the warm standby, the batching threads and the years.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
from aiohttp import web

from kresnet.cores import usable_cores
from kresnet.errors import make_error
from kresnet.export.capi import configure_runtime, disable_xla
from kresnet.serving.addresses import LOOPBACK, format_address, open_sockets
from kresnet.serving.batching import RequestBatcher
from kresnet.serving.grpc_services import make_grpc_server
from kresnet.serving.inference_service import InferenceService, RequestLimits
from kresnet.serving.loaded_version import LoadedVersion
from kresnet.serving.model_manager import ModelManager
from kresnet.serving.models_dir import newest_version_folder, require_models
from kresnet.serving.rest import RestApi
from kresnet.serving.run_threads import choose_run_threads
from kresnet.serving.server_metrics import ServerMetrics
from kresnet.serving.until_signal import serve_until_signal


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of the embedded server.

    Attributes:
        host: name or number to listen on, IPv4 or IPv6; only `LOOPBACK` unless the user says otherwise.
        rest_port, grpc_port: ports to listen on; 0 takes any free one.
        limits: limits on what a client may ask.
        run_threads: number of threads of a run; None chooses what suits the models.
        max_batch_rows: largest number of rows of one run.
        max_waiting_rows: number of rows that may wait before requests are refused.
        poll_seconds: time between two looks at the versions.
    """

    host: str = LOOPBACK
    rest_port: int = 8501
    grpc_port: int = 8500
    limits: RequestLimits = RequestLimits()  # noqa: RUF009 - frozen
    run_threads: int | None = None
    max_batch_rows: int = 64
    max_waiting_rows: int = 4096
    poll_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that has started and takes requests.

    Attributes:
        models: the models that are served.
        rest_port, grpc_port: ports that it listens on.
        run_threads: number of threads of a run.
        concurrent_runs: number of runs that may take place at once.
    """

    models: ModelManager
    rest_port: int
    grpc_port: int
    run_threads: int
    concurrent_runs: int


@asynccontextmanager
async def running_server(directory: Path, settings: ServerSettings) -> AsyncIterator[RunningServer]:
    """Serve a directory; on leaving, requests under way are answered.

    Raises:
        KresnetError: `model_unreadable`, `environment` where nothing can listen on the host or port.
    """
    folders = require_models(directory)
    disable_xla()
    threads = configure_runtime(
        settings.run_threads or choose_run_threads(map(newest_version_folder, folders.values()))
    )
    models = ModelManager(directory, partial(LoadedVersion, on_callers_thread=threads == 1))
    runs = max(len(usable_cores()) // threads, 1)
    async with AsyncExitStack() as leaving:
        executor = leaving.enter_context(ThreadPoolExecutor(runs, thread_name_prefix="run"))
        batcher = RequestBatcher(
            executor,
            max_concurrent_runs=runs,
            max_batch_rows=settings.max_batch_rows,
            max_waiting_rows=settings.max_waiting_rows,
        )
        service, metrics = InferenceService(models, batcher, settings.limits), ServerMetrics()
        await models.refresh()
        leaving.push_async_callback(models.close)

        rest_port = await _start_rest(RestApi(service, metrics), settings, leaving)
        server = make_grpc_server(service, metrics)
        grpc_port = _bind_grpc(server, settings)
        await server.start()
        leaving.push_async_callback(server.stop, settings.limits.answer_seconds)

        polling = asyncio.create_task(models.poll(settings.poll_seconds))
        leaving.push_async_callback(_cancel, polling)
        yield RunningServer(models, rest_port, grpc_port, threads, runs)


async def _start_rest(rest: RestApi, settings: ServerSettings, leaving: AsyncExitStack) -> int:
    runner = web.AppRunner(
        rest.make_application(),
        access_log=None,
        handle_signals=False,
        keepalive_timeout=settings.limits.request_seconds,  # also the longest that a request's head may take to come
        shutdown_timeout=settings.limits.answer_seconds,
    )
    await runner.setup()
    leaving.push_async_callback(runner.cleanup)
    listening = open_sockets(settings.host, settings.rest_port, "--rest-port")
    port = listening[0].getsockname()[1]
    for one in listening:
        await web.SockSite(runner, one).start()
    return port


def _bind_grpc(server: grpc.aio.Server, settings: ServerSettings) -> int:
    """Let gRPC listen on every address of the host, on one port that was free just before."""
    with ExitStack() as tried:
        listening = [tried.enter_context(one) for one in open_sockets(settings.host, settings.grpc_port, "--grpc-port")]
        names = [one.getsockname() for one in listening]
    try:
        for host, port, *_ in names:
            server.add_insecure_port(format_address(host, port))
    except RuntimeError as error:
        message = f"gRPC cannot listen on {format_address(host, port)}: {error}."
        raise make_error("environment", message, remedy="another --grpc-port; 0 takes a free one") from None
    return names[0][1]


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def serve(directory: Path, settings: ServerSettings, started: Callable[[RunningServer], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        directory: `MODELS_DIR`, or the folder of one model.
        settings: settings of the server.
        started: function that is called once requests are taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    async def tell(running: RunningServer) -> None:
        started(running)

    serve_until_signal(running_server(directory, settings), tell)
