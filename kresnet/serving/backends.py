"""The servers that `kresnet serve` can start: TF Serving itself, its Docker image, or the embedded one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from kresnet.errors import make_error, shell_word
from kresnet.export.server_files import MODELS_CONFIG as CONFIG
from kresnet.serving.addresses import EVERY_INTERFACE, format_address, normalize_host
from kresnet.serving.models_dir import require_models

BINARY, IMAGE = "tensorflow_model_server", "tensorflow/serving"
BACKENDS = ("auto", BINARY, "docker", "embedded")

#: Seconds that Docker's daemon may take to answer.
_DOCKER_SECONDS = 10


def choose_backend(wanted: str, host: str) -> str:
    """Return the backend to start: the one wanted; for `auto` the first that this machine has and that keeps to `host`.

    TF Serving's program listens on every interface and has no option for less, so it is only taken where the user
    asked for that.

    Raises:
        KresnetError: `bad_option`, `environment` where the one wanted cannot be had.
    """
    if wanted not in BACKENDS:
        raise make_error("bad_option", f"There is no backend {wanted}.", expected=", ".join(BACKENDS), found=wanted)
    everywhere = normalize_host(host) in EVERY_INTERFACE
    if wanted == "auto":
        if everywhere and shutil.which(BINARY):
            return BINARY
        return "docker" if _docker_answers() else "embedded"
    if wanted == BINARY and not shutil.which(BINARY):
        raise make_error("environment", f"{BINARY} is not on the PATH.", remedy="--backend embedded")
    if wanted == BINARY and not everywhere:
        message = f"{BINARY} listens on every interface; it cannot be kept to {host}."
        raise make_error("bad_option", message, remedy="--host 0.0.0.0, or --backend docker")
    if wanted == "docker" and not _docker_answers():
        raise make_error("environment", "No Docker daemon answers.", remedy="--backend embedded")
    return wanted


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        command = ["docker", "info", "--format", "{{.ServerVersion}}"]
        return subprocess.run(command, capture_output=True, timeout=_DOCKER_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def start_command(backend: str, directory: Path, *, host: str, rest_port: int, grpc_port: int) -> list[str]:
    """Return the command that starts TF Serving on the models of `directory`.

    Args:
        backend: `tensorflow_model_server` or `docker`.
        directory: `MODELS_DIR`; its `models.config` is used, which an export writes.
        host: address to listen on.
        rest_port: port of the REST API.
        grpc_port: port of gRPC.

    Raises:
        KresnetError: `model_unreadable`, where there is no model.
    """
    directory = directory.absolute()
    models = require_models(directory)
    if backend == "docker":
        mount = f"type=bind,source={directory},target={directory},readonly"  # where base paths say that models are
        publish = ["-p", f"{format_address(host, rest_port)}:8501", "-p", f"{format_address(host, grpc_port)}:8500"]
        start = ["docker", "run", "--rm", *publish, "--mount", mount, IMAGE]
        return [*start, *_model_options(directory, models)]
    ports = [f"--rest_api_port={rest_port}", f"--port={grpc_port}"]
    return [BINARY, *ports, *_model_options(directory, models)]


def _model_options(directory: Path, models: Mapping[str, Path]) -> list[str]:
    """Return the options that say what to serve: the config beside the models, or the only model."""
    if (directory / CONFIG).is_file():
        return [f"--model_config_file={directory / CONFIG}", "--allow_version_labels_for_unavailable_models"]
    if len(models) > 1:
        message = f"{directory} holds {len(models)} models and no {CONFIG} that lists them."
        raise make_error(
            "model_unreadable", message, remedy=f"kresnet export RUN -o {shell_word(directory)}, which writes {CONFIG}"
        )
    ((name, base),) = models.items()
    return [f"--model_name={name}", f"--model_base_path={base}"]


def replace_process(arguments: list[str]) -> NoReturn:
    """Replace this process by the server, so that signals reach it."""
    os.execvp(arguments[0], arguments)
