"""TensorFlow and Keras imported as every verb needs them: without start-up chatter, whatever the surroundings say."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Collection, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from kresnet.errors import make_error
from kresnet.native_messages import start_filter

#: Packages that only some verbs need, or that make them fast, by the extra of pyproject.toml that brings
#: them: module to import, and package.
EXTRAS = {
    "serving": {"aiohttp": "aiohttp", "grpc": "grpcio", "orjson": "orjson", "prometheus_client": "prometheus-client"},
    "report": {"plotly": "plotly", "jinja2": "jinja2"},
    "pages": {"aiohttp": "aiohttp", "plotly": "plotly", "jinja2": "jinja2"},
    "onnx": {"onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx", "onnxslim": "onnxslim"},
    "openvino": {
        "openvino": "openvino",
        "tf2onnx": "tf2onnx",
        "onnxruntime": "onnxruntime",
        "onnxslim": "onnxslim",
    },
    "edge": {"ai_edge_litert": "ai-edge-litert", "litert_quantizer": "litert-quantizer"},
    "cloud": {"s3fs": "s3fs", "gcsfs": "gcsfs", "aiohttp": "aiohttp"},
    "fast": {"numba": "numba"},
    "mlflow": {"mlflow": "mlflow-skinny"},
    "wandb": {"wandb": "wandb"},
    "search": {"optuna": "optuna"},
}

#: Settings of `keras.config` and `keras.json` that a network depends on.
_KERAS_DEFAULTS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}


def import_tensorflow(*, silent: bool = False) -> None:
    """Import TensorFlow and Keras as kresnet needs them, whatever `keras.json` says of Keras.

    What their C++ parts print at start-up is kept off the terminal.

    Args:
        silent: keep their C++ errors off it too, for who tells them in words of its own.

    Raises:
        KresnetError: `environment` if either cannot be imported, or Keras runs on another backend.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if silent else "2")
    _require_packages("numpy", "tensorflow", "keras")
    _require_backend(os.environ.get("KERAS_BACKEND", ""))
    os.environ["KERAS_BACKEND"] = "tensorflow"  # else `keras.json` says
    imported_before = "keras" in sys.modules
    start_filter()
    with stderr_held():
        try:
            import keras
            import tensorflow as tf

            tf.config.list_physical_devices()  # looks for GPUs, and says so; devices stay configurable
        except ImportError as error:
            raise make_error(
                "environment", f"TensorFlow cannot be imported: {error}.", remedy="pip install kresnet"
            ) from None
        except ValueError as error:  # Keras on its own configuration
            message = f"Keras refuses ~/.keras/keras.json: {error}"
            raise make_error("environment", message, remedy="rm ~/.keras/keras.json") from None
    if keras.backend.backend() != "tensorflow":
        message = f"Keras was imported with the backend {keras.backend.backend()} before kresnet."
        remedy = "set KERAS_BACKEND=tensorflow before Keras is imported"
        raise make_error("environment", message, expected="tensorflow", remedy=remedy)
    if (changed := _use_keras_defaults()) and imported_before:
        warnings.warn(f"kresnet has set {', '.join(changed)} of keras.config to Keras's own default.", stacklevel=3)


def _require_packages(*names: str) -> None:
    """Refuse a file or a folder of the user's that Python would import in the place of an installed package."""
    for name in names:
        spec = sys.modules[name].__spec__ if name in sys.modules else find_spec(name)
        if spec and not (spec.origin and spec.submodule_search_locations):  # a file, or a folder without __init__.py
            found = spec.origin or next(iter(spec.submodule_search_locations or ()))
            message = f"{found} would be imported in the place of the package {name}."
            raise make_error("environment", message, remedy="rename it, or take its folder out of PYTHONPATH")


def _require_backend(backend: str) -> None:
    """Refuse a backend that the user's environment names for Keras, other than TensorFlow."""
    if backend not in ("", "tensorflow"):
        message = f"KERAS_BACKEND is {backend}; kresnet runs on TensorFlow."
        raise make_error("environment", message, expected="tensorflow", found=backend, remedy="unset KERAS_BACKEND")


def _use_keras_defaults() -> list[str]:
    """Give Keras's global settings the values that Keras ships with, and return the names of those that had others.

    So a model is what its spec says on every machine, whatever stands in `~/.keras/keras.json`.
    """
    from keras import config

    changed = [name for name, value in _KERAS_DEFAULTS.items() if getattr(config, name)() != value]
    for name in changed:
        getattr(config, f"set_{name}")(_KERAS_DEFAULTS[name])
    return changed


def require_extra(extra: str, purpose: str, only: Collection[str] | None = None) -> None:
    """Import the packages of an extra, before a verb does anything that would be lost without them.

    Args:
        extra: a key of `EXTRAS`.
        purpose: what needs them, as the subject of a sentence.
        only: the modules that are needed now; all of the extra's by default.

    Raises:
        KresnetError: `environment`, where one cannot be imported; it names them all, and how to install them.
    """
    missing = []
    for module, package in EXTRAS[extra].items():
        if only is not None and module not in only:
            continue
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
