"""The embedded server's own promises: versions that come and go, labels, batches, and its client."""

import asyncio
import base64
import json
import shutil
import socket
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from kresnet.cores import usable_cores
from kresnet.errors import KresnetError
from kresnet.export.capi import RuntimeFailure
from kresnet.export.manifest import SPEC
from kresnet.serving import backends, client, protos
from kresnet.serving.batching import RequestBatcher
from kresnet.serving.servable import LoadedVersion
from kresnet.serving.threads import run_threads
from kresnet.spec.loading import load_spec
from tests.command import kresnet
from tests.serving.conftest import arrive, eventually, started, states

VALUE = {"instances": [0.0]}


@pytest.fixture
def own(toys, tmp_path):
    """A directory with version 1 of the toy only, and no config."""
    shutil.copytree(toys / "toy" / "1", tmp_path / "toy" / "1")
    return tmp_path


def test_a_new_version_takes_over_without_a_lost_request(toys, own):
    with started(own) as (server, _):
        answers, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answers.append(server.post("/v1/models/toy:predict", VALUE))

        asking = threading.Thread(target=ask)
        asking.start()
        arrive(own / "toy", toys / "toy" / "2", 2)
        eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "END"})
        time.sleep(0.2)
        stop.set()
        asking.join()
        assert {status for status, _ in answers} == {200}
        values = [answer["predictions"][0] for _, answer in answers]
        assert values == sorted(values)  # version 1's, then version 2's
        assert set(values) == {1.0, 2.0}

        shutil.rmtree(own / "toy" / "2")  # the served version is removed: the one that is left comes back
        eventually(lambda: states(server) == {"2": "END", "1": "AVAILABLE"})
        shutil.rmtree(own / "toy" / "1")
        eventually(lambda: states(server) == {"2": "END", "1": "END"})
        status, answer = server.post("/v1/models/toy:predict", VALUE)
        assert (status, answer) == (404, {"error": "Servable not found for request: Latest(toy)"})


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(toys, own):
    with started(own) as (server, _):
        (own / "toy" / "3").mkdir()
        (own / "toy" / "3" / "saved_model.pb").write_bytes(b"no model")
        (own / "toy" / "4.tmp").mkdir()
        eventually(lambda: "3" in states(server))
        assert states(server) == {"3": "LOADING", "1": "AVAILABLE"}
        assert server.post("/v1/models/toy:predict", VALUE) == (200, {"predictions": [1.0]})
        _, answer = server.get("/v1/models/toy/versions/3")
        assert answer["model_version_status"][0]["status"]["error_code"] != "OK"


def test_a_model_that_arrives_later_is_served(toys, own):
    with started(own) as (server, _):
        shutil.copytree(toys / "toy" / "2", own / "late" / "1")
        eventually(lambda: states(server, "late") == {"1": "AVAILABLE"})


def test_a_reload_moves_labels_and_names_no_other_folder(toys, tmp_path):
    shutil.copytree(toys, tmp_path / "models")
    with started(tmp_path / "models") as (server, _), server.channel() as channel:
        stub = protos.ModelServiceStub(channel)

        def reload(base, **labels):
            request = protos.ReloadConfigRequest()
            config = request.config.model_config_list.config.add(name="toy", base_path=base)
            config.model_version_policy.latest.num_versions = 2
            config.version_labels.update(labels)
            return stub.HandleReloadConfigRequest(request, timeout=30)

        reload(str(tmp_path / "models" / "toy"), stable=2)
        assert server.post("/v1/models/toy/labels/stable:predict", VALUE)[1] == {"predictions": [2.0]}
        assert server.post("/v1/models/toy/labels/canary:predict", VALUE)[0] == 400
        with pytest.raises(grpc.RpcError) as caught:
            reload("/etc", stable=1)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert server.post("/v1/models/toy/labels/stable:predict", VALUE)[1] == {"predictions": [2.0]}


class TestBatching:
    @staticmethod
    def make(**options):
        from concurrent.futures import ThreadPoolExecutor

        settings = {"runs_at_once": 1, "most_rows": 8, "most_waiting_rows": 16} | options
        return RequestBatcher(ThreadPoolExecutor(2), **settings)

    def test_what_arrives_during_a_run_is_the_next_batch_and_each_gets_its_own_rows(self):
        sizes = []

        def run(inputs):
            sizes.append(len(inputs["x"]))
            time.sleep(0.05)
            return {"y": inputs["x"] * 2}

        async def main():
            batcher = self.make()
            rows = [np.full((1 + n % 2, 3), n, np.float32) for n in range(9)]
            answers = await asyncio.gather(*(batcher.submit("k", run, {"x": x}, len(x)) for x in rows))
            for x, answer in zip(rows, answers, strict=True):
                np.testing.assert_array_equal(answer["y"], x * 2)

        asyncio.run(main())
        assert sum(sizes) == 13
        assert len(sizes) < 9
        assert max(sizes) <= 8

    def test_a_large_request_is_dealt_out_among_the_free_runs(self):
        sizes, together = [], threading.Barrier(2, timeout=10)

        def run(inputs):
            sizes.append(len(inputs["x"]))
            if len(inputs["x"]) > 1:
                together.wait()
            return {"y": inputs["x"] * 2}

        async def main():
            batcher = self.make(runs_at_once=2, most_rows=64, most_waiting_rows=64)
            small, large = np.ones((1, 3), np.float32), np.arange(51, dtype=np.float32).reshape(17, 3)
            np.testing.assert_array_equal((await batcher.submit("k", run, {"x": small}, 1))["y"], small * 2)
            np.testing.assert_array_equal((await batcher.submit("k", run, {"x": large}, 17))["y"], large * 2)

        asyncio.run(main())
        assert sorted(sizes) == [1, 8, 9]

    def test_a_bad_part_fails_the_request(self):
        def run(inputs):
            if (inputs["x"] > 20).any():
                raise RuntimeFailure("INVALID_ARGUMENT", "large")
            return {"y": inputs["x"]}

        async def main():
            batcher = self.make(runs_at_once=2, most_rows=64, most_waiting_rows=64)
            with pytest.raises(RuntimeFailure, match="large"):
                await batcher.submit("k", run, {"x": np.arange(32)}, 32)
            assert len((await batcher.submit("k", run, {"x": np.arange(16)}, 16))["y"]) == 16

        asyncio.run(main())

    def test_a_bad_request_fails_alone(self):
        def run(inputs):
            if (inputs["x"] < 0).any():
                raise RuntimeFailure("INVALID_ARGUMENT", "negative")
            time.sleep(0.02)
            return {"y": inputs["x"]}

        async def main():
            batcher = self.make()
            requests = [batcher.submit("k", run, {"x": np.array([value])}, 1) for value in (1, 2, -1, 3)]
            return await asyncio.gather(*requests, return_exceptions=True)

        one, two, bad, three = asyncio.run(main())
        assert [answer["y"][0] for answer in (one, two, three)] == [1, 2, 3]
        assert bad.code == "INVALID_ARGUMENT"

    def test_too_many_waiting_are_refused(self):
        async def main():
            batcher = self.make()
            wait = threading.Event()
            tasks = [
                asyncio.create_task(batcher.submit("k", lambda x: wait.wait() and x, {"x": np.zeros((8, 1))}, 8))
                for _ in range(4)
            ]
            await asyncio.sleep(0.05)
            wait.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

        answers = asyncio.run(main())
        refused = [answer for answer in answers if isinstance(answer, RuntimeFailure)]
        assert [failure.code for failure in refused] == ["UNAVAILABLE"]


class TestThreads:
    def test_small_layers_run_on_one_thread_each_and_others_on_all_cores(self, exported, toys, tmp_path):
        assert run_threads([exported.path]) == 1
        assert run_threads([exported.path, toys / "toy" / "1"]) == len(usable_cores())  # nobody knows what that has
        spec = tmp_path / "1" / SPEC
        spec.parent.mkdir(parents=True)
        for name, threads in (("cifar_resnet110", 1), ("resnet18", len(usable_cores()))):
            spec.write_text(json.dumps(load_spec(name).value.document()))
            assert run_threads([tmp_path / "1"]) == threads

    @pytest.mark.parametrize("threads", [1, 2])
    def test_the_user_may_say_otherwise(self, toys, threads):
        with started(toys, "--run-threads", str(threads)) as (server, _):
            for rows in (1, 40):
                values = [float(row) for row in range(rows)]
                answer = server.post("/v1/models/toy:predict", {"instances": values})[1]
                assert answer == {"predictions": [2.0 + 0.5 * value for value in values]}

    def test_a_version_is_not_dropped_under_a_run_whose_client_has_gone(self):
        begun, may_end, events = threading.Event(), threading.Event(), []

        class Session:
            def run(self, signature, inputs):
                begun.set()
                may_end.wait(10)
                events.append("ran")
                return inputs

            def close(self):
                events.append("closed")

        servable = LoadedVersion.__new__(LoadedVersion)
        vars(servable).update(name="toy", version=1, _session=Session(), _users=0, _unused=asyncio.Event())
        vars(servable).update(_runs=0, _closed=False, _changed=threading.Condition())
        servable._unused.set()
        run = threading.Thread(target=servable._run, args=("serving_default", {}))
        run.start()
        begun.wait(10)
        threading.Timer(0.1, may_end.set).start()
        asyncio.run(servable.close())
        run.join()
        assert events == ["ran", "closed"]
        with pytest.raises(RuntimeFailure, match="NOT_FOUND"):
            servable._run("serving_default", {})


class TestCommands:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nowhere"], "There is no directory nowhere"),
            (["."], "holds no model"),
            ([".", "--backend", "apache"], "There is no backend apache"),
            ([".", "--backend", "tensorflow_model_server"], "is not on the PATH"),
            ([".", "--rest-port", "70000"], "less than or equal to 65535"),
        ],
    )
    def test_mistakes(self, tmp_path, arguments, said):
        done = kresnet("serve", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_that_is_taken(self, own):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = kresnet(
                "serve", own, "--backend", "embedded", "--rest-port", taken.getsockname()[1], "--grpc-port", 0
            )
        assert done.returncode == 2
        assert "[environment]" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--server", "localhost:8501", "--model", "x"], "is not the address of a server"),
            (["--server", "http://127.0.0.1:9", "--model", "x"], "[server]"),
            (["--server", "http://127.0.0.1:9"], "go together"),
            (["--model", "x"], "go together"),
        ],
    )
    def test_mistakes_of_the_client(self, tmp_path, arguments, said):
        Image.new("L", (8, 8)).save(tmp_path / "a.png")
        done = kresnet("predict", *arguments, tmp_path / "a.png")
        assert done.returncode in (1, 2)
        assert said in done.stderr

    def test_tensorflow_model_server_is_only_taken_where_every_interface_is_asked_for(self, tmp_path, monkeypatch):
        fake = tmp_path / backends.BINARY
        fake.write_text("#!/bin/sh\n")
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert backends.choose("auto", "127.0.0.1") == "embedded"
        assert backends.choose("auto", "0.0.0.0") == backends.BINARY
        with pytest.raises(KresnetError, match="every interface"):
            backends.choose(backends.BINARY, "127.0.0.1")

    def test_the_commands_of_tf_serving(self, own):
        command = backends.start_command("docker", own, host="127.0.0.1", rest_port=8501, grpc_port=8500)
        assert "127.0.0.1:8501:8501" in command
        assert command[-2:] == ["--model_name=toy", f"--model_base_path={own}/toy"]
        command = backends.start_command(backends.BINARY, own, host="0.0.0.0", rest_port=1, grpc_port=2)
        assert command[1:3] == ["--rest_api_port=1", "--port=2"]


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
