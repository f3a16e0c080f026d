"""From names to files and specs: on the hub, in a folder, in Keras's cache, at an address."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from kresnet.errors import KresnetError
from kresnet.spec.loading import load_spec
from kresnet.weights.pretrained.keras_files import KERAS_FILES
from kresnet.weights.pretrained.weight_names import parse_weight_name
from kresnet.weights.pretrained.weight_origins import describe_weights, find_origin
from tests.weights import small_hub_model as small
from tests.weights.hub_server import Fault, Repository


def origin_of(text: str, **options):
    """What a name leads to."""
    return find_origin(parse_weight_name(text), **options)


def problem_of(text: str, **options):
    """The problem that a name ends with."""
    with pytest.raises(KresnetError) as raised:
        origin_of(text, **options)
    return raised.value.problems[0]


def test_all_files_of_a_repository_are_of_one_commit(hub):
    repository = hub.add(small.NAME, small.files())
    found = origin_of(small.NAME)
    assert found.file.read_bytes() == small.weights()
    assert found.verify() == found.identity == hashlib.sha256(small.weights()).hexdigest()
    assert found.facts["commit"] == repository.refs["main"]
    assert found.facts["file"] == "model.safetensors"
    assert found.layout == "timm"
    assert found.licence == "apache-2.0"
    resolved = [path for method, path, _ in hub.requests if method == "HEAD" and "/resolve/" in path]
    assert [path.split("/resolve/")[1] for path in resolved] == [
        "main/config.json", f"{repository.refs['main']}/README.md", f"{repository.refs['main']}/model.safetensors"
    ]  # fmt: skip


def test_what_weights_are_of_is_told_without_fetching_them(hub):
    hub.add(small.NAME, small.files())
    model, facts = describe_weights(parse_weight_name(small.NAME))
    assert model.architecture == "resnet50d"
    assert facts["repository"] == small.NAME
    assert not hub.asked("GET", "/cdn/")


def test_the_licence_is_seen_before_weights_are_fetched(hub):
    hub.add("me/net", small.files(card=b"---\nlicense: cc-by-nc-4.0\n---\n"))
    seen = []

    def refuse(licence: str) -> None:
        seen.append(licence)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        origin_of("hf:me/net", accept=refuse)
    assert seen == ["cc-by-nc-4.0"]
    assert not hub.asked("GET", "/cdn/")


def test_a_repository_without_a_card_is_taken_and_one_without_weights_is_not(hub):
    files = small.files()
    files.pop("README.md")
    hub.add("me/net", files)
    assert origin_of("hf:me/net").licence == "apache-2.0"
    files = small.files()
    files.pop("model.safetensors")
    hub.add("me/empty", files)
    assert "holds no model.safetensors or pytorch_model.bin" in problem_of("hf:me/empty").message


def test_a_misspelt_name_of_timms_is_told_the_nearest(hub):
    problem = problem_of("timm/resnet50d.a1_in1")
    assert problem.code == "weights_unknown"
    assert problem.nearest == "timm/resnet50d.a1_in1k"


def test_a_folder_of_the_hubs_form_is_taken_as_it_lies(tmp_path):
    for name, content in small.files().items():
        (tmp_path / name).write_bytes(content)
    found = origin_of(str(tmp_path))
    assert found.identity == hashlib.sha256(small.weights()).hexdigest()
    assert found.facts["folder"] == str(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert problem_of(str(tmp_path)).code == "file_missing"


@pytest.fixture
def keras_files(hub, tmp_path, monkeypatch):
    """Files of keras.applications on loopback, which Keras's own cache does not have."""
    hub.repositories["files"] = Repository({"plain": {}})
    own = replace(KERAS_FILES["ResNet50"], address=f"{hub.address}/files/{NAME_OF_KERAS}",
                  digest=hashlib.md5(b"whole").hexdigest())  # fmt: skip
    monkeypatch.setitem(KERAS_FILES, "ResNet50", own)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras").mkdir()
    return hub.repositories["files"].commits["plain"]


NAME_OF_KERAS = "resnet50_weights_tf_dim_ordering_tf_kernels.h5"


def test_kerass_files_come_by_its_own_download_and_hashes(hub, keras_files, tmp_path, capfd):
    keras_files[NAME_OF_KERAS] = b"whole"
    found = origin_of("keras/ResNet50")
    assert found.file == tmp_path / "keras" / "models" / NAME_OF_KERAS
    assert found.loaded.value.name == "resnet50_keras"
    assert found.class_names[0] == "tench"
    assert found.verify() == hashlib.sha256(b"whole").hexdigest()
    assert capfd.readouterr().out == "", "--json prints one object on stdout and nothing else"
    keras_files.clear()
    assert origin_of("keras/ResNet50").file == found.file
    found.file.write_bytes(b"half")
    assert problem_of("keras/ResNet50").code == "weights_unreachable"
    assert not found.file.exists() or found.file.read_bytes() != b"half"


def test_other_bytes_than_keras_knows_are_refused(hub, keras_files):
    keras_files[NAME_OF_KERAS] = b"other"
    assert problem_of("keras/ResNet50").code == "model_unreadable"
    problem = problem_of("keras/resnet50v2")
    assert problem.nearest == "keras/ResNet50V2"
    assert problem_of("keras/ResNet50", test_size=True).code == "bad_option"


@pytest.fixture
def spec(tmp_path):
    """The small network's spec."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(small.config()))
    model, _ = describe_weights(parse_weight_name(str(tmp_path)))
    return load_spec(model.loaded.value.document())


def test_a_file_at_an_address_is_fetched_once_and_only_whole(hub, spec):
    hub.repositories["files"] = Repository({"plain": {"net.safetensors": small.weights()}})
    address = f"{hub.address}/files/net.safetensors"
    hub.faults = [Fault("GET", "/files/", cut_after=100, times=1), Fault("GET", "/files/", status=503, times=1)]
    assert problem_of(address, spec=spec).code == "weights_unreachable"
    assert "503" in problem_of(address, spec=spec).message
    found = origin_of(address, spec=spec)
    assert found.file.read_bytes() == small.weights()
    assert found.facts["address"] == address
    asked = len(hub.requests)
    assert origin_of(address, spec=spec).identity == found.identity
    assert len(hub.requests) == asked
    digest = hashlib.sha256(small.weights()).hexdigest()
    assert origin_of(f"{address}#sha256={digest}", spec=spec).file.read_bytes() == small.weights()
    wrong = problem_of(f"{address}#sha256={'0' * 64}", spec=spec)
    assert wrong.code == "model_unreadable"
    assert wrong.found == digest
    assert problem_of(address).code == "bad_option"
