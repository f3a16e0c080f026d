"""Models that come late, and configs that are sent to the server."""

import shutil

import grpc
import pytest

from kresnet.serving import protos
from tests.serving.conftest import eventually, started, states

VALUE = {"instances": [0.0]}


def test_a_model_that_arrives_later_is_served(toys, toy_directory):
    with started(toy_directory) as (server, _):
        shutil.copytree(toys / "toy" / "2", toy_directory / "late" / "1")
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
