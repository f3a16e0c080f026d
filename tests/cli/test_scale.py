"""`kresnet scale` and `kresnet plan --budget` as a user meets them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import kresnet
from kresnet.cli.main import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """`run(status, *arguments)`: run the command line, expect its exit status; what it wrote on stdout and stderr."""

    def call(status: int, *arguments: str) -> tuple[str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(list(arguments))
        out, err = capsys.readouterr()
        assert exit_.value.code == status, err
        return out, err

    return call


def test_scale_prints_the_difference_the_table_and_how_near_it_is(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    out, err = run(0, "scale", "resnet50", "--macs", "1e9", "--by", "width", "-o", str(path))
    assert err == f"Written: {path}\n"
    lines = out.splitlines()
    assert lines[0].startswith("resnet50_width_1g_macs  resnet50 scaled by width to 1,000,000,000 MACs")
    assert next(line for line in lines if "stages.3.width" in line).split() == ["stages.3.width", "512", "248"]
    macs = next(line for line in lines if line.startswith("MACs "))
    assert macs.split() == ["MACs", "4.089", "G", "997.0", "M", "1.000", "G", "99.7%"]
    assert "MACs: 4,089,184,256 → 996,957,376 (-3,092,226,880, -75.6%)" in out
    assert "plans tried" in out
    assert kresnet.load(path).plan().macs == 996_957_376


def test_json_is_what_python_has(run: Any, tmp_path: Path) -> None:
    out, err = run(0, "scale", "cifar_resnet20", "--macs", "20M", "--set", "head.classes=7", "--json")
    assert not err
    scaled = kresnet.scale("cifar_resnet20", macs=2e7, overrides={"head.classes": 7})
    assert json.loads(out) == json.loads(json.dumps(scaled.as_dict() | {"output": None}))


def test_the_remedy_for_an_unmet_budget_works(run: Any) -> None:
    command = ["scale", "cifar_resnet20", "--by", "depth", "--macs", "2M", "--parameters", "50k"]
    out, err = run(2, *command, "--json")
    assert "[budget_unmet]" in err
    remedy = json.loads(out)["problems"][0]["remedy"].partition(",")[0]
    found = json.loads(run(0, *command[:4], *shlex.split(remedy), "--json")[0])
    assert found["after"]["settings"]["stages.0.blocks"] == 1


def test_a_network_that_fits_already_is_no_other(run: Any) -> None:
    out, _ = run(0, "scale", "resnet18", "--macs", str(kresnet.load("resnet18").plan().macs))
    assert "resnet18 is the nearest already" in out
    assert "setting" not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resnet50"], "try: --macs 1e9"),
        (["resnet50", "--macs", "1e"], "such as 1e9, 600M or 4GiB"),
        (["resnet50", "--macs", "1e9", "--by", "widht"], "did you mean: width"),
        (["residual_mlp", "--macs", "1e9", "--by", "resolution"], "a vector has no resolution"),
        (["resnet50", "--parameters", "1M", "--by", "resolution"], "try: --by compound, or --macs 1e9"),
        (["resnet51", "--macs", "1e9"], "did you mean: resnet50"),
        (["resnet50", "--macs", "1e9", "-o", "."], "already exists"),
    ],
)
def test_what_is_wrong_is_told_with_status_2(run: Any, arguments: list[str], words: str) -> None:
    assert words in run(2, "scale", *arguments)[1]


def test_plan_tells_how_far_a_network_is_from_a_budget(run: Any) -> None:
    out, err = run(0, "plan", "resnet50", "--set", "head.classes=10", "--budget", "macs=1e9,parameters=30M,memory=4GiB")
    assert not err
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert rows["MACs"].split() == ["MACs", "1,000,000,000", "4,087,156,736", "408.7%", "3,087,156,736", "too", "many"]
    assert rows["parameters"].split()[-1] == "left"
    command = shlex.split(out.splitlines()[-1].partition("kresnet ")[2])
    assert json.loads(run(0, *command, "--json")[0])["budget"]["macs"]["within"]
    assert "within the budget" in run(0, "plan", "resnet18", "--budget", "macs=2e9")[0]


def test_plan_compares_with_a_budget_as_json(run: Any) -> None:
    found = json.loads(run(0, "plan", "resnet18", "--budget", "parameters=10M", "--json")[0])
    assert (found["within"], found["budget"]["parameters"]["cost"]) == (False, 11_699_112)
    assert "[bad_option]" in run(2, "plan", "resnet18", "--budget", "mac=1")[1]
    assert "print different things" in run(2, "plan", "resnet18", "--budget", "macs=1e9", "--paper")[1]
