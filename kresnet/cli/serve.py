"""The verb that starts a server: serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kresnet.cli.common import log

if TYPE_CHECKING:
    from kresnet.serving.server import RunningServer


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    models: Annotated[
        Path,
        typer.Argument(metavar="MODELS_DIR|NAME", help="Holds NAME/VERSION, as `kresnet export -o`, or weights' name."),
    ],
    backend: Annotated[
        str, typer.Option("--backend", help="auto, tensorflow_model_server, docker or embedded.")
    ] = "auto",
    host: Annotated[str, typer.Option("--host", help="Address or name to listen on, IPv4 or IPv6.")] = "127.0.0.1",
    rest_port: Annotated[int, typer.Option("--rest-port", min=0, max=65535, help="0 takes a free one.")] = 8501,
    grpc_port: Annotated[int, typer.Option("--grpc-port", min=0, max=65535, help="0 takes a free one.")] = 8500,
    run_threads: Annotated[
        int | None,
        typer.Option("--run-threads", min=1, help="Threads of a run; else one for small layers (embedded server)."),
    ] = None,
    request_bytes: Annotated[
        int, typer.Option("--request-bytes", min=1, help="Largest request (embedded server).")
    ] = 64 * 1024**2,
    request_seconds: Annotated[
        float,
        typer.Option("--request-seconds", min=0.1, help="Longest wait for a client (embedded server)."),
    ] = 30.0,
    answer_seconds: Annotated[
        float, typer.Option("--answer-seconds", min=0.1, help="Longest wait for the model (embedded server).")
    ] = 30.0,
) -> None:
    """Serve exported models over REST and gRPC, with TF Serving if it is here, else with the embedded server."""
    from kresnet.api.export import served_weights
    from kresnet.runtime import require_extra
    from kresnet.serving import backends

    models = served_weights(models)
    chosen = backends.choose_backend(backend, host)
    if chosen != "embedded":
        command = backends.start_command(chosen, models, host=host, rest_port=rest_port, grpc_port=grpc_port)
        log(" ".join(command))
        backends.replace_process(command)
    require_extra("serving", "The embedded server")
    from kresnet.serving.server import RequestLimits, ServerSettings
    from kresnet.serving.server import serve as serve_embedded

    settings = ServerSettings(
        host, rest_port, grpc_port, RequestLimits(request_bytes, request_seconds, answer_seconds), run_threads
    )
    serve_embedded(models, settings, lambda running: _log_start(host, running))


def _log_start(host: str, server: RunningServer) -> None:
    """Tell on stderr where the server listens, and how to ask it."""
    from kresnet.serving.addresses import format_address, format_url

    where = format_url(host, server.rest_port)
    log(f"REST at {where}/v1/models, gRPC at {format_address(host, server.grpc_port)}")
    concurrency = "1 run at a time" if server.concurrent_runs == 1 else f"{server.concurrent_runs} runs at once"
    log(f"{concurrency}, {server.run_threads} thread{'s' * (server.run_threads > 1)} each (--run-threads).")
    log("This embedded server is for development; docs/server.md says where TF Serving differs.")
    for name in server.models.models:
        log(f"  kresnet predict --server {where} --model {name} IMAGE...")
