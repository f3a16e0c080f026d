"""Files of the hub: fetched, resumed, checked, refused; against a hub on loopback that has every trouble."""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import socket
from pathlib import Path

import pytest

from kresnet.errors import KresnetError
from kresnet.weights.pretrained.hub import HubRepository
from tests.weights.hub_server import Fault

#: Bytes that no length or place repeats.
LARGE = b"".join(hashlib.sha256(b"%d" % index).digest() for index in range(40_000))
FILES = {"config.json": b'{"a": 1}', "model.safetensors": LARGE}


@pytest.fixture
def repository(hub):
    hub.add("timm/net", FILES)
    return HubRepository("timm/net")


def problem_of(repository: HubRepository, *names: str):
    """The problem with which fetching ends."""
    with pytest.raises(KresnetError) as raised:
        repository.fetch(*names)
    (problem,) = raised.value.problems
    assert raised.value.status == (1 if problem.code == "disk_full" else 2)
    return problem


def files_in_cache(tmp_path: Path) -> list[bytes]:
    """The contents of all blobs, whole or not."""
    return [path.read_bytes() for path in (tmp_path / "huggingface").rglob("blobs/*")]


def test_files_come_with_commit_and_digest_and_are_fetched_once(hub, repository):
    small, large = repository.fetch("config.json"), repository.fetch("model.safetensors", "pytorch_model.bin")
    assert small.path.read_bytes() == FILES["config.json"]
    assert large.path.read_bytes() == LARGE
    assert small.commit == large.commit == hub.repositories["timm/net"].refs["main"]
    assert small.verify() == hashlib.sha256(FILES["config.json"]).hexdigest()
    assert large.verify() == large.announced == hashlib.sha256(LARGE).hexdigest()
    repository.fetch("model.safetensors")
    assert len(hub.asked("GET", "/cdn/")) == 1


def test_the_first_file_that_is_there_is_taken(repository):
    assert repository.find("open.bin", "config.json", "model.safetensors").path.name == "config.json"
    assert repository.find("open.bin", "README.md") is None
    problem = problem_of(repository, "open.bin", "README.md")
    assert problem.code == "weights_unknown"
    assert "open.bin or README.md" in problem.message


def test_a_commit_a_branch_and_a_tag_are_revisions(hub, repository):
    store = hub.repositories["timm/net"]
    first = store.refs["main"]
    store.refs["v1"] = first
    second = store.commit({"config.json": b"{}"})
    assert repository.fetch("config.json").commit == second
    assert HubRepository("timm/net", "v1").fetch("config.json").path.read_bytes() == FILES["config.json"]
    asked = len(hub.requests)
    assert HubRepository("timm/net", first).fetch("config.json").commit == first
    assert len(hub.requests) == asked, "a commit in the cache is not asked for again"


def test_a_cut_connection_is_resumed_where_it_broke(hub, repository, monkeypatch):
    from huggingface_hub import constants

    piece = 65536
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", piece)  # 10 MB are too much for a test
    hub.faults = [Fault("GET", "/cdn/", cut_after=15 * piece + 9, times=1), Fault("GET", "/cdn/", cut_after=0, times=1)]
    assert repository.fetch("model.safetensors").verify() == hashlib.sha256(LARGE).hexdigest()
    ranges = [headers.get("range") for headers in hub.asked("GET", "/cdn/")]
    assert ranges == [None, f"bytes={15 * piece}-", f"bytes={15 * piece}-"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("GET", "/cdn/", cut_after=0), "cut"),
        (Fault("GET", "/cdn/", status=503), "status 503"),
        (Fault(status=502), "status 502"),
        (Fault(status=429), "status 429"),
        (Fault("GET", "/cdn/", change=lambda content: content[:-5]), "another length"),
        (Fault("GET", "/cdn/", change=lambda content: content + b"more"), "another length"),
    ],
)
def test_no_half_file_is_ever_used(hub, repository, tmp_path, fault, words):
    hub.faults = [fault]
    problem = problem_of(repository, "model.safetensors")
    assert problem.code == "weights_unreachable"
    assert words in problem.message
    assert f"{hub.address}/timm/net" in problem.found
    assert files_in_cache(tmp_path) == []
    hub.faults = []
    assert repository.fetch("model.safetensors").path.read_bytes() == LARGE


def test_other_bytes_than_announced_are_refused_and_removed(hub, repository, tmp_path):
    hub.faults = [Fault("GET", "/cdn/", change=lambda content: content[:-1] + b"!", times=1)]
    with pytest.raises(KresnetError) as raised:
        repository.fetch("model.safetensors").verify()
    (problem,) = raised.value.problems
    assert problem.code == "model_unreadable"
    assert problem.expected == hashlib.sha256(LARGE).hexdigest()
    assert files_in_cache(tmp_path) == []
    assert repository.fetch("model.safetensors").verify() == problem.expected
    hub.repositories["timm/net"].commit({"config.json": b'{"a": 2}'})
    hub.faults = [Fault("GET", "config.json", change=lambda content: b'{"a": 3}')]
    with pytest.raises(KresnetError):
        repository.fetch("config.json").verify()


def test_what_does_not_exist_or_is_not_for_everybody_is_told(hub, repository, monkeypatch):
    hub.add("timm/private", FILES, token="hf_secret")
    hub.add("timm/gated", FILES, gated=True)
    assert problem_of(HubRepository("timm/nowhere"), "config.json").code == "weights_unknown"
    assert "no revision v9" in problem_of(HubRepository("timm/net", "v9"), "config.json").message
    assert problem_of(HubRepository("timm/gated"), "config.json").code == "weights_access"
    assert "hf auth login" in problem_of(HubRepository("timm/private"), "config.json").remedy
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert HubRepository("timm/private").fetch("model.safetensors").path.read_bytes() == LARGE
    assert hub.asked("HEAD", "private/resolve")[-1]["authorization"] == "Bearer hf_secret"
    assert not any("authorization" in headers for headers in hub.asked("GET", "/cdn/")), "the token is the hub's alone"
    hub.faults = [Fault("HEAD", "private/resolve", status=403, times=1)]
    assert problem_of(HubRepository("timm/private"), "config.json").code == "weights_access"
    assert problem_of(HubRepository("timm//net"), "config.json").code == "weights_unknown"


def test_without_a_network_the_cache_answers_or_the_two_ways_on_are_told(hub, repository, monkeypatch):
    from huggingface_hub import constants

    repository.fetch("config.json")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert repository.fetch("config.json").path.read_bytes() == FILES["config.json"]
    problem = problem_of(repository, "model.safetensors")
    assert problem.code == "weights_unreachable"
    assert "no connection" in problem.message
    assert "kresnet weights pull timm/net" in problem.remedy
    assert "HF_ENDPOINT=" in problem.remedy
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert repository.fetch("model.safetensors", "config.json").path.read_bytes() == FILES["config.json"]
    assert "HF_HUB_OFFLINE" in problem_of(repository, "model.safetensors").message


def test_a_full_disk_is_told_and_leaves_nothing(repository, tmp_path):
    with _files_no_larger_than(100_000):
        problem = problem_of(repository, "model.safetensors")
    assert problem.code == "disk_full"
    assert files_in_cache(tmp_path) == []
    assert repository.fetch("model.safetensors").path.read_bytes() == LARGE


def test_a_cache_that_cannot_be_written_is_told(repository, tmp_path):
    (tmp_path / "huggingface").write_text("a file")
    assert problem_of(repository, "config.json").code == "not_writable"


@contextlib.contextmanager
def _files_no_larger_than(size: int):
    """Let the kernel refuse to write more of a file, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_announced_digest_is_the_name_of_the_blob(repository):
    file = repository.fetch("model.safetensors")
    assert os.path.realpath(file.path).endswith(file.announced)


def test_a_folder_becomes_a_commit_of_a_repository_that_may_be_new(hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    repository = HubRepository("me/new")
    with pytest.raises(KresnetError) as raised:
        repository.upload(folder, "A model")
    assert raised.value.problems[0].code == "weights_access"
    hub.write_token = "hf_write"
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    address = repository.upload(folder, "A model")
    assert address.startswith(f"{hub.address}/me/new/commit/")
    assert repository.fetch("model.safetensors").verify() == hashlib.sha256(LARGE).hexdigest()
    assert repository.fetch("config.json").path.read_bytes() == FILES["config.json"]
