"""Versions that arrive late and versions that are removed, as any server that polls a folder takes them."""

import shutil

from tests.serving.conftest import arrive, eventually, states

VALUE = {"instances": [0.0]}


def predicted(server, which=""):
    return server.post(f"/v1/models/toy{which}:predict", VALUE)


def test_a_late_version_is_served_and_a_removed_one_is_not(server, polled):
    base = polled / "toy"
    assert states(server) == {"2": "AVAILABLE", "1": "AVAILABLE"}
    assert predicted(server, "/versions/3")[0] == 404
    arrive(base, base / "1", 3)
    try:  # the policy is to serve the latest two
        eventually(lambda: states(server) == {"3": "AVAILABLE", "2": "AVAILABLE", "1": "END"})
        assert predicted(server) == (200, {"predictions": [1.0]})
        assert predicted(server, "/versions/2") == (200, {"predictions": [2.0]})
        gone = {"error": "Servable not found for request: Specific(toy, 1)"}
        assert predicted(server, "/versions/1") == (404, gone)
        assert predicted(server, "/labels/stable")[0] != 200  # which is version 1
    finally:
        shutil.rmtree(base / "3")
    eventually(lambda: states(server) == {"3": "END", "2": "AVAILABLE", "1": "AVAILABLE"})
    assert predicted(server) == (200, {"predictions": [2.0]})
    assert predicted(server, "/versions/3")[0] == 404
    assert predicted(server, "/labels/stable") == (200, {"predictions": [1.0]})
