"""`kresnet serve` hands its options to a server, and tells where that listens."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kresnet.cli.main import main


def test_options_reach_the_embedded_server(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[Path, Any]] = []

    def serve(directory: Path, settings: Any, started: Any) -> None:
        calls.append((directory, settings))
        models = SimpleNamespace(models={"tiny": None})
        started(SimpleNamespace(rest_port=81, grpc_port=80, concurrent_runs=2, run_threads=1, models=models))

    monkeypatch.setattr("kresnet.serving.server.serve", serve)
    options = {"rest-port": 81, "grpc-port": 80, "run-threads": 1, "request-bytes": 5, "answer-seconds": 2.5}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    with pytest.raises(SystemExit) as ended:
        main(["serve", "models", "--backend", "embedded", *arguments])
    assert not ended.value.code
    ((directory, settings),) = calls
    assert directory == Path("models")
    assert (settings.host, settings.rest_port, settings.grpc_port) == ("127.0.0.1", 81, 80)
    assert (settings.limits.request_bytes, settings.limits.answer_seconds, settings.run_threads) == (5, 2.5, 1)
    printed = capsys.readouterr().err
    assert "REST at http://127.0.0.1:81/v1/models, gRPC at 127.0.0.1:80" in printed
    assert "2 runs at once, 1 thread each" in printed
    assert "kresnet predict --server http://127.0.0.1:81 --model tiny IMAGE..." in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "There is no directory nowhere"),
        ([".", "--backend", "apache"], "There is no backend apache"),
    ],
)
def test_mistakes_are_told(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
