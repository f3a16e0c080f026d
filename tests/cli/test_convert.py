"""`kresnet convert` hands its options to `kresnet.convert`, and tells what was written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kresnet.cli.main import main


@pytest.mark.parametrize("as_json", [False, True])
def test_options_reach_the_conversion(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []

    def convert(*arguments: Any, **options: Any) -> Any:
        calls.append((arguments, options))
        return SimpleNamespace(
            spec="out.yaml", match=SimpleNamespace(pairs=[1, 2]), as_dict=lambda: {"layout": options["layout"]}
        )

    monkeypatch.setattr("kresnet.convert", convert)
    chosen = [
        "--layout",
        "timm",
        "--entry",
        "ema",
        "--allow-missing",
        "head",
        "--allow-unused",
        "fc",
        "--adapt-channels",
        "--set",
        "head.classes=2",
    ]
    with pytest.raises(SystemExit) as ended:
        main(["convert", "w.h5", "--spec", "resnet18", "-o", "out.keras", *chosen, *(["--json"] * as_json)])
    assert not ended.value.code
    assert calls == [
        (
            (Path("w.h5"), "resnet18", Path("out.keras")),
            {"layout": "timm", "entry": "ema", "allow_missing": ["head"], "allow_unused": ["fc"],
             "adapt_channels": True, "overrides": ["head.classes=2"], "force": False},
        )
    ]  # fmt: skip
    told = (
        '{"layout": "timm"}\n' if as_json else "2 weights set, read back bit for bit: out.keras; its spec: out.yaml\n"
    )
    assert capsys.readouterr().out == told
