"""The client of the REST API: its answers are the export's, and its mistakes are told."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.errors import KresnetError
from kresnet.serving import client
from tests.command import kresnet
from tests.serving.conftest import started


def test_the_client_and_the_run_agree(exported, images, tmp_path):
    """A real export, served; the client's answer against the export's own golden outputs."""
    paths = []
    for index, image in enumerate(images[:4]):
        paths.append(tmp_path / f"{index}.png")
        Image.fromarray(image.squeeze()).save(paths[-1])
    with started(exported.path.parent.parent) as (server, _):
        answers = client.predict(server.rest, exported.path.parent.name, paths)
        rows = [{"b64": base64.b64encode(path.read_bytes()).decode()} for path in paths]
        path = f"/v1/models/{exported.path.parent.name}:predict"
        _, raw = server.post(path, {"signature_name": "image_bytes", "instances": rows})
        status, columns = server.post(path, {"signature_name": "image_bytes", "inputs": rows})
    assert status == 200
    assert [one["label"] for one in answers] == columns["outputs"]["label"]
    assert [one["class_id"] for one in answers] == [row["class_id"] for row in raw["predictions"]]
    np.testing.assert_allclose([one["probabilities"] for one in answers], columns["outputs"]["probabilities"])
    assert json.dumps(answers)
    with pytest.raises(KresnetError) as caught:
        client.predict("http://127.0.0.1:9", "x", [Path("missing.png"), tmp_path / "also.png"])
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server", "localhost:8501", "--model", "x"], "is not the address of a server"),
        (["--server", "http://::1:8501", "--model", "x"], "http://[::1]:8501"),
        (["--server", "http://[::1:8501", "--model", "x"], "is not the address of a server"),
        (["--server", "http://localhost:http", "--model", "x"], "is not the address of a server"),
        (["--server", "http://127.0.0.1:9", "--model", "x"], "[server]"),
        (["--server", "http://[::1]:9", "--model", "x"], "http://[::1]:9/v1/models/x:predict does not answer"),
        (["--server", "http://127.0.0.1:9"], "go together"),
        (["--model", "x"], "go together"),
    ],
)
def test_mistakes_of_the_client(tmp_path, arguments, said):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    done = kresnet("predict", *arguments, tmp_path / "a.png")
    assert done.returncode in (1, 2)
    assert said in done.stderr
