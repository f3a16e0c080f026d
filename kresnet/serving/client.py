"""A client of TF Serving's REST API, which needs neither TensorFlow nor the model."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from kresnet.errors import KresnetError, Problem, make_error

IMAGE_SIGNATURE = "image_bytes"


def predict(server: str, model: str, paths: Sequence[Path], *, timeout_seconds: float = 60.0) -> list[dict[str, Any]]:
    """Classify image files by a model that a server has; the files are sent as they are.

    Args:
        server: `http://HOST:PORT` of the REST API.
        model: name of the model.
        paths: images of any format that the model decodes.
        timeout_seconds: time in which the server must answer.

    Returns:
        A mapping for each image: `image` (its path), `class_id`, `label`, `probability`, and `probabilities`, a list.

    Raises:
        KresnetError: `file_missing` for all missing files at once, `server` where there is no answer or a refusal.
    """
    if missing := [path for path in paths if not path.is_file()]:
        raise KresnetError(Problem("file_missing", f"There is no file {path}.") for path in missing)
    instances = [{"b64": base64.b64encode(path.read_bytes()).decode()} for path in paths]
    answer = _post(
        _predict_url(server, model), {"signature_name": IMAGE_SIGNATURE, "instances": instances}, timeout_seconds
    )
    try:
        return [_read_answer(path, row) for path, row in zip(paths, answer["predictions"], strict=True)]
    except (KeyError, TypeError, ValueError):
        message = f"{model} at {server} gives no probabilities, class_id and label for its signature {IMAGE_SIGNATURE}."
        raise make_error("server", message, remedy="serve a classifier that kresnet exported") from None


def _read_answer(path: Path, row: dict[str, Any]) -> dict[str, Any]:
    probabilities = [float(value) for value in row["probabilities"]]
    class_id = int(row["class_id"])
    return {
        "image": str(path),
        "class_id": class_id,
        "label": str(row["label"]),
        "probability": probabilities[class_id],
        "probabilities": probabilities,
    }


def _predict_url(server: str, model: str) -> str:
    expected, example = "http://HOST:PORT", "http://localhost:8501"
    try:
        address = urlsplit(server)
        well_formed = address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
        host = address.netloc.rpartition("@")[2]
        if host.count(":") > 1 and not host.startswith("["):  # IPv6, whose end and the port cannot be told apart
            well_formed, expected, example = False, "http://[IPV6]:PORT", "http://[::1]:8501"
    except ValueError:  # brackets that do not match, a port that is no number
        well_formed = False
    if not well_formed:
        message = f"{server!r} is not the address of a server."
        raise make_error("bad_option", message, expected=expected, found=server, remedy=f"--server {example}")
    return f"{server.rstrip('/')}/v1/models/{quote(model, safe='')}:predict"


def _post(url: str, document: dict[str, Any], timeout_seconds: float) -> Any:
    request = urllib.request.Request(url, json.dumps(document).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise make_error("server", f"{url} refused with status {error.code}: {_read_reason(error.read())}") from None
    except (OSError, HTTPException, ValueError) as error:  # no connection, one that broke, an answer of another kind
        reason = getattr(error, "reason", error)
        raise make_error("server", f"{url} does not answer: {reason}.", remedy="kresnet serve MODELS_DIR") from None


def _read_reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace").strip()
