"""Prepared data on servers: an S3 server and one of files, on loopback; killed, slow, refusing, without a package."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kresnet.api.training import fit
from kresnet.data.preparation.prepare import Preparation, PreparationOptions
from kresnet.data.preparation.source import open_source
from kresnet.data.prepared import remote_storage
from kresnet.data.prepared.storage import open_storage
from kresnet.data.sources import open_data
from kresnet.data.splits import naming_unreadable_images
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input
from kresnet.spec.recipe import PreparedData
from tests.command import kresnet
from tests.data.prepared.servers import KEY, SECRET, file_server, free_port, s3_environment, s3_server, upload

INPUT = Input(shape=(8, 8, 3))
NETWORK = """
name: tiny
input: {shape: [8, 8, 3]}
stem: {kind: conv, width: 4, kernel: 3, stride: 2}
block: {kind: basic}
stages: [{blocks: 1, width: 4}]
head: {classes: 2}
"""
RECIPE = """
name: tiny
data: {kind: prepared, path: 's3://bucket/shards', order: windowed, window_shards: 2}
augment: {crop: {kind: resized}}
epochs: 6
batch_size: 4
optimizer: {kind: sgd, learning_rate: 0.1}
deterministic: true
checkpoints: {save_every_steps: 6}
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    """24 training images in six shards, four to test on."""
    folder, random = tmp_path_factory.mktemp("prepared"), np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 2)):
        for name in ("ape", "owl"):
            (folder / "birds" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (8, 8, 3), np.uint8)
                Image.fromarray(pixels).save(folder / "birds" / split / name / f"{number}.png")
    Preparation(open_source(str(folder / "birds")), folder / "shards", PreparationOptions(shard_examples=4)).run()
    return folder / "shards"


@pytest.fixture(scope="module")
def s3(shards):
    server = s3_server()
    upload(server, shards)
    yield server
    server.kill()


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """What a user sets: a cache, and no more patience than a test has."""
    monkeypatch.setenv("KRESNET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KRESNET_STORAGE_SECONDS", "1")
    return monkeypatch


def on_s3(environment, server) -> None:
    for name, value in s3_environment(server).items():
        environment.setenv(name, value)


def opened(path, **fields):
    return open_data(PreparedData(kind="prepared", path=str(path), **fields), INPUT, 0)


def require_same(one, other) -> None:
    assert one.fingerprint == other.fingerprint
    for name, split in one.splits.items():
        for ours, theirs in zip(split.fetch(np.arange(len(split))), other.splits[name].fetch(np.arange(len(split))),
                                strict=True):  # fmt: skip
            np.testing.assert_array_equal(ours, theirs)


def test_s3_and_files_over_http_give_what_the_folder_gives(shards, s3, environment):
    on_s3(environment, s3)
    environment.setattr(remote_storage, "_PIECE", 30_000)  # so that a shard comes in several pieces
    require_same(opened("s3://bucket/shards"), local := opened(shards))
    server = file_server(shards.parent)
    try:
        environment.setenv("KRESNET_CACHE_DIR", os.environ["KRESNET_CACHE_DIR"] + "-http")
        require_same(opened(f"http://127.0.0.1:{server.port}/shards", order="windowed"), local)
        with pytest.raises(KresnetError, match=r"holds no prepared\.json"):
            opened(f"http://127.0.0.1:{server.port}")
    finally:
        server.kill()


def test_the_cache_stays_within_its_bounds(shards, s3, environment, tmp_path):
    on_s3(environment, s3)
    size = max(path.stat().st_size for path in shards.glob("*.array_record"))
    environment.setenv("KRESNET_CACHE_GIGABYTES", str(3.5 * size / 1e9))
    with pytest.raises(KresnetError, match="order of images needs") as caught:
        opened("s3://bucket/shards")
    assert "recipe.data.order=windowed" in caught.value.problems[0].remedy
    data = opened("s3://bucket/shards", order="windowed", window_shards=1)
    order = data.train.order.epoch(0, 0, 24, 4)
    for step in range(6):
        data.train.source.fetch(order(np.arange(step * 4, step * 4 + 4)))
    kept = [path.stat().st_size for path in (tmp_path / "cache").iterdir() if not path.name.startswith(".")]
    assert sum(kept) <= 3.5 * size
    assert len(data.train.source.records._open) <= 3


@pytest.mark.slow  # the next tests have servers that do not answer, tests/faults runs that go on
def test_a_server_that_is_killed_is_told_and_a_run_goes_on_to_the_same_bits(shards, s3, environment, tmp_path):
    """The run reads from S3 in every epoch, as the cache holds less than all; the server ends in the middle of it."""
    from tests.faults.small_runs import RunFolder

    size = max(path.stat().st_size for path in shards.glob("*.array_record"))
    for name, text in (("tiny.yaml", NETWORK), ("recipe.yaml", RECIPE)):
        (tmp_path / name).write_text(text)
    told = {**os.environ, **s3_environment(s3), "KRESNET_CACHE_GIGABYTES": str(4.5 * size / 1e9)}
    documents = tmp_path / "tiny.yaml", tmp_path / "recipe.yaml"
    fit(*documents, output=tmp_path / "whole", overrides={"recipe.data.path": str(shards)}, progress=False)
    own = {**told, "KRESNET_CACHE_DIR": str(tmp_path / "other")}

    def kill_after_a_checkpoint() -> None:
        while not list((tmp_path / "run" / "checkpoints").glob("step-*")):
            time.sleep(0.002)
        s3.kill()

    killer = threading.Thread(target=kill_after_a_checkpoint)
    killer.start()
    try:
        ended = kresnet("fit", documents[0], "--recipe", documents[1], "-o", tmp_path / "run", env=own)
        killer.join()
    finally:  # for the tests that follow, too
        s3.start()
        upload(s3, shards)
    assert ended.returncode == 1, ended.stderr
    assert "[data_unreachable]" in ended.stderr
    assert "there is no connection to the server" in ended.stderr
    assert f"kresnet fit --resume {tmp_path / 'run'}" in ended.stderr
    resumed = kresnet("fit", "--resume", tmp_path / "run", env=own)
    assert resumed.returncode == 0, resumed.stderr
    for one, other in zip(RunFolder.weights(tmp_path / "run"), RunFolder.weights(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(one, other)
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    shown = b"".join([path.read_bytes() for path in written]) + (ended.stderr + resumed.stderr).encode()
    assert KEY.encode() not in shown
    assert SECRET.encode() not in shown


def test_a_server_that_is_gone_before_the_run(shards, environment):
    environment.setenv("KRESNET_STORAGE_SECONDS", "0.6")
    with pytest.raises(KresnetError, match=r"no connection to the server.*data_unreachable"):
        opened(f"http://127.0.0.1:{free_port()}/shards")


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(environment):
    environment.setattr(remote_storage, "_READ_SECONDS", 0.2)
    environment.setenv("KRESNET_STORAGE_SECONDS", "0")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(KresnetError, match="does not answer in time"):
            opened(f"http://127.0.0.1:{silent.getsockname()[1]}/shards")


def test_a_server_that_comes_back_in_time_is_asked_again(shards, environment):
    storage = open_storage("http://127.0.0.1:9/shards")
    answers = iter([ConnectionError(), TimeoutError(), OSError()])

    def ask():
        if error := next(answers, None):
            raise error
        return b"here"

    environment.setattr(remote_storage.time, "sleep", lambda seconds: None)
    assert storage._patiently("x", ask, 100) == b"here"


def test_refused_access_is_told_at_once_and_without_the_backend_s_words(environment):
    storage = open_storage("s3://bucket/shards")
    asked = []

    def ask():
        asked.append(1)
        raise PermissionError(f"key {KEY} with {SECRET} is refused")

    with pytest.raises(KresnetError, match="refuses access") as caught:
        storage._patiently("x", ask, 100)
    assert len(asked) == 1
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"https://user:{SECRET}@host/shards", "no user, password, signature"),
        (f"https://host/shards?X-Amz-Signature={SECRET}", "no user, password, signature"),
        ("ftp://host/shards", "no address that is known"),
        ("s3://", "no address that is known"),
    ],
)
def test_addresses_that_would_be_written_down_are_refused(address, told):
    with pytest.raises(KresnetError, match=told) as caught:
        open_storage(address)
    assert SECRET not in str(caught.value)


def test_a_missing_backend_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(KresnetError, match=r"pip install 'kresnet\[cloud\]'"):
        open_storage("gs://bucket/shards")


def test_what_a_server_lost_is_named(shards, environment, tmp_path):
    shutil.copytree(shards, tmp_path / "site" / "shards")
    server = file_server(tmp_path / "site")
    try:
        path = tmp_path / "site/shards/train-00003-of-00006.array_record"
        path.write_bytes(path.read_bytes()[::-1])
        for told in ("train-00003-of-00006.array_record is damaged", "holds no train-00003-of-00006.array_record"):
            data = opened(f"http://127.0.0.1:{server.port}/shards")
            with pytest.raises(KresnetError, match=told), naming_unreadable_images(data.train):
                data.train.load()
            path.unlink(missing_ok=True)
    finally:
        server.kill()
