"""Which server is started, with what command, and what is said where there is none."""

import pytest

from kresnet.errors import KresnetError
from kresnet.serving import backends
from tests.command import kresnet


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
def test_mistakes(tmp_path, arguments, said):
    done = kresnet("serve", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_tensorflow_model_server_is_only_taken_where_every_interface_is_asked_for(tmp_path, monkeypatch):
    fake = tmp_path / backends.BINARY
    fake.write_text("#!/bin/sh\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert backends.choose_backend("auto", "127.0.0.1") == "embedded"
    assert backends.choose_backend("auto", "0.0.0.0") == backends.BINARY
    with pytest.raises(KresnetError, match="every interface"):
        backends.choose_backend(backends.BINARY, "127.0.0.1")


def test_the_commands_of_tf_serving(toy_directory):
    command = backends.start_command("docker", toy_directory, host="127.0.0.1", rest_port=8501, grpc_port=8500)
    assert "127.0.0.1:8501:8501" in command
    command6 = backends.start_command("docker", toy_directory, host="[::1]", rest_port=8501, grpc_port=8500)
    assert "[::1]:8501:8501" in command6
    assert command[-2:] == ["--model_name=toy", f"--model_base_path={toy_directory}/toy"]
    command = backends.start_command(backends.BINARY, toy_directory, host="0.0.0.0", rest_port=1, grpc_port=2)
    assert command[1:3] == ["--rest_api_port=1", "--port=2"]
