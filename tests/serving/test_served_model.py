"""A new version takes over without a lost request, and one that cannot be loaded leaves the old one serving."""

import shutil
import threading
import time

from tests.serving.conftest import arrive, eventually, started, states

VALUE = {"instances": [0.0]}


def test_a_new_version_takes_over_without_a_lost_request(toys, toy_directory):
    with started(toy_directory) as (server, _):
        answers, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answers.append(server.post("/v1/models/toy:predict", VALUE))

        asking = threading.Thread(target=ask)
        asking.start()
        arrive(toy_directory / "toy", toys / "toy" / "2", 2)
        eventually(lambda: states(server) == {"2": "AVAILABLE", "1": "END"})
        time.sleep(0.2)
        stop.set()
        asking.join()
        assert {status for status, _ in answers} == {200}
        values = [answer["predictions"][0] for _, answer in answers]
        assert values == sorted(values)  # version 1's, then version 2's
        assert set(values) == {1.0, 2.0}

        shutil.rmtree(toy_directory / "toy" / "2")  # the served version is removed: the one that is left comes back
        eventually(lambda: states(server) == {"2": "END", "1": "AVAILABLE"})
        shutil.rmtree(toy_directory / "toy" / "1")
        eventually(lambda: states(server) == {"2": "END", "1": "END"})
        status, answer = server.post("/v1/models/toy:predict", VALUE)
        assert (status, answer) == (404, {"error": "Servable not found for request: Latest(toy)"})


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(toys, toy_directory):
    with started(toy_directory) as (server, _):
        (toy_directory / "toy" / "3").mkdir()
        (toy_directory / "toy" / "3" / "saved_model.pb").write_bytes(b"no model")
        (toy_directory / "toy" / "4.tmp").mkdir()
        eventually(lambda: "3" in states(server))
        assert states(server) == {"3": "LOADING", "1": "AVAILABLE"}
        assert server.post("/v1/models/toy:predict", VALUE) == (200, {"predictions": [1.0]})
        _, answer = server.get("/v1/models/toy/versions/3")
        assert answer["model_version_status"][0]["status"]["error_code"] != "OK"
