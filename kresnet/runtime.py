"""TensorFlow imported without its start-up chatter, as by every verb that needs it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from kresnet.errors import make_error

#: Packages that only some verbs need, by the extra of pyproject.toml that brings them: module to import, and package.
EXTRAS = {
    "serving": {"aiohttp": "aiohttp", "grpc": "grpcio", "orjson": "orjson", "prometheus_client": "prometheus-client"},
    "report": {"plotly": "plotly", "jinja2": "jinja2"},
    "onnx": {"onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx"},
}


def import_tensorflow(*, silent: bool = False) -> None:
    """Import TensorFlow and Keras, keeping what their C++ parts print at start-up off the terminal.

    Args:
        silent: keep their C++ errors off it too, for who tells them in words of its own.

    Raises:
        KresnetError: `environment` if either cannot be imported, or Keras runs on another backend.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if silent else "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with stderr_held():
        try:
            import keras
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs, and says so; devices stay configurable
        except ImportError as error:
            raise make_error(
                "environment", f"TensorFlow cannot be imported: {error}.", remedy="pip install kresnet"
            ) from None
    if keras.backend.backend() != "tensorflow":
        found = keras.backend.backend()
        raise make_error(
            "environment", f"Keras runs on {found}.", expected="tensorflow", remedy="KERAS_BACKEND=tensorflow"
        )


def require_extra(extra: str, purpose: str) -> None:
    """Import the packages of an extra, before a verb does anything that would be lost without them.

    Args:
        extra: a key of `EXTRAS`.
        purpose: what needs them, as the subject of a sentence.

    Raises:
        KresnetError: `environment`, where one cannot be imported; it names them all, and how to install them.
    """
    missing = []
    for module, package in EXTRAS[extra].items():
        try:
            import_module(module)
        except ImportError as error:
            missing.append(f"{package} ({error})")
    if missing:
        message = f"{purpose} needs packages that cannot be imported: {', '.join(missing)}."
        raise make_error("environment", message, remedy=f"pip install 'kresnet[{extra}]'")


@contextlib.contextmanager
def stderr_held() -> Iterator[None]:
    """Drop what C++ writes to file descriptor 2; Python's exceptions still say what went wrong."""
    sys.stderr.flush()
    shown = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(shown, 2)
            os.close(shown)
