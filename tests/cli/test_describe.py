"""The verbs that need no TensorFlow, as a user meets them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kresnet.cli.main import main
from kresnet.spec import library
from kresnet.spec.document import parse_document
from kresnet.spec.loading import load_spec
from kresnet.spec.schema import DOCUMENTS, json_schema

ROOT = Path(__file__).parents[2]


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


def test_plan_prints_stages_blocks_and_totals(run: Any) -> None:
    out, err = run(0, "plan", "resnet50")
    assert not err
    lines = out.splitlines()
    assert lines[0].startswith("resnet50  He et al. 2015")
    block = next(line for line in lines if "blocks 2-6" in line)
    for part in ("bottleneck 1x1 256, 3x3 256, 1x1 1024", "identity", "(N, 14, 14, 1024)", "5,601,280", "1.092 G"):
        assert part in block
    assert "25,557,032 trainable + 53,120 non-trainable = 25,610,152 parameters" in lines
    assert "4,089,184,256 MACs (4.089 G)" in lines
    assert lines[-1] == "50 weighted layers"


def test_plan_without_a_terminal_has_no_escapes(run: Any) -> None:
    out, _ = run(0, "plan", "resnet50")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.parametrize("no_color", [False, True])
def test_plan_on_a_terminal_is_bold_and_dim_but_keeps_the_readers_colours(
    run: Any, monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": "1" if no_color else ""}.items():
        monkeypatch.setenv(name, value)
    out, _ = run(0, "plan", "resnet18")
    assert "\x1b[1m" in out
    assert not re.search(r"\x1b\[[34]\d", out)


def test_plan_json_is_one_object(run: Any) -> None:
    out, err = run(0, "plan", "resnet50", "--set", "head.classes=10", "--json")
    plan = json.loads(out)
    assert not err
    assert list(plan)[:1] == ["name"]
    assert plan["input_shape"] == [224, 224, 3]
    assert plan["parameters"] == {"trainable": 23_528_522, "non_trainable": 53_120, "total": 23_581_642}
    assert (plan["macs"], plan["weighted_layers"]) == (4_087_156_736, 50)
    assert plan["records"][-1]["output_shape"] == [10]


def test_resolved_is_a_spec_that_gives_the_same_network(run: Any, tmp_path: Path) -> None:
    out, _ = run(0, "plan", "wrn_28_10", "--set", "stages.2.block.dropout=0.3", "--resolved")
    values = parse_document(out, "resolved").values
    assert values["convolution"]["padding"]
    assert "extends" not in values
    path = tmp_path / "resolved.yaml"
    path.write_text(out, encoding="utf-8")
    assert load_spec(str(path)).value == load_spec("wrn_28_10", ["stages.2.block.dropout=0.3"]).value
    as_json, _ = run(0, "plan", "wrn_28_10", "--set", "stages.2.block.dropout=0.3", "--resolved", "--json")
    assert json.loads(as_json) == values


def test_paper_shows_published_figures_beside_the_plans(run: Any) -> None:
    figures = "published=[{source: Someone 2015, macs: 3.8e9, tolerance: 0.01, note: strides elsewhere}]"
    out, _ = run(0, "plan", "resnet50", "--set", figures, "--paper")
    assert "Someone 2015" in out
    line = next(line for line in out.splitlines() if line.startswith("MACs"))
    assert line.split() == ["MACs", "3,800,000,000", "4,089,184,256", "+7.61%", "1.00%", "differs"]
    assert "note: strides elsewhere" in out
    (entry,) = json.loads(run(0, "plan", "resnet50", "--set", figures, "--paper", "--json")[0])["published"]
    assert (entry["quantity"], entry["agrees"]) == ("macs", False)


def test_paper_without_figures_says_so(run: Any) -> None:
    out, _ = run(0, "plan", "resnet50", "--set", "published=[]", "--paper")
    assert out == "resnet50 states no published figures.\n"
    assert json.loads(run(0, "plan", "resnet50", "--set", "published=[]", "--paper", "--json")[0])["published"] == []


def test_what_is_wrong_is_told_with_status_2(run: Any) -> None:
    _, err = run(2, "plan", "resnet51")
    assert "did you mean: resnet50" in err
    _, err = run(2, "plan", "resnet50", "--resolved", "--paper")
    assert "[bad_option]" in err
    out, err = run(2, "plan", "resnet50", "--set", "stages.0.stride=0", "--set", "blok=1", "--json")
    assert len(json.loads(out)["problems"]) == 2
    assert "2 problems" in err
    _, err = run(2, "diff", "resnet50", "resnet50", "--set-b", "stages.9.width=3")
    assert "[bad_override]" in err


def test_specs_lists_every_shipped_network(run: Any) -> None:
    entries = json.loads(run(0, "specs", "--json")[0])["specs"]
    assert {entry["name"] for entry in entries} == set(library.shipped_names())
    names = [entry["name"] for entry in entries]
    assert names.index("resnet18") < names.index("resnet101")
    deep = next(entry for entry in entries if entry["name"] == "cifar_resnet1202")
    assert deep["weighted_layers"] == 1202
    assert {"macs", "parameters", "source", "input_shape"} <= set(deep)
    assert "records" not in deep
    out, _ = run(0, "specs")
    assert sum(line.split()[0] in names for line in out.splitlines() if line[:1].strip()) == len(names)


def test_diff_tells_settings_blocks_and_cost(run: Any) -> None:
    out, err = run(0, "diff", "resnet18", "resnet34")
    assert not err
    assert next(line for line in out.splitlines() if "stages.2.blocks" in line).split() == ["stages.2.blocks", "2", "6"]
    line = next(line for line in out.splitlines() if "stage 3 blocks 3-6" in line)
    assert "added" in line
    assert "+4,726,784" in line
    assert "parameters: 11,699,112 → 21,814,696 (+10,115,584, +86.5%)" in out
    found = json.loads(run(0, "diff", "resnet18", "resnet34", "--json")[0])
    assert found["total"]["parameters"] == {"a": 11_699_112, "b": 21_814_696, "difference": 10_115_584}


def test_diff_of_one_network_with_itself(run: Any) -> None:
    assert run(0, "diff", "resnet18", "resnet18")[0] == "resnet18 and resnet18 are the same network.\n"
    out, _ = run(0, "diff", "resnet18", "resnet18", "--set-a", "head.classes=10", "--set-b", "head.classes=20")
    assert "~ logits: " not in out
    assert "head.classes" in out


@pytest.mark.parametrize("document", DOCUMENTS)
def test_schema_prints_the_schema(run: Any, document: str) -> None:
    assert json.loads(run(0, "schema", document)[0]) == json_schema(document)


def test_schema_knows_its_documents(run: Any) -> None:
    assert json.loads(run(0, "schema")[0]) == json_schema("spec")
    assert "did you mean: recipe" in run(2, "schema", "recipes")[1]


PROBE = """
import sys
from kresnet.cli.main import main
for arguments in (["--help"], ["plan", "resnet50"], ["specs"], ["schema"], ["diff", "resnet18", "resnet34"],
                  ["plan", "resnet50", "--paper"], ["plan", "resnet50", "--resolved"], ["study", "--list"]):
    try:
        main(arguments)
    except SystemExit as exit_:
        assert exit_.code == 0, arguments
loaded = {name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras", "numpy", "jax", "torch"}
print("LOADED", sorted(loaded))
"""


def test_no_describing_verb_imports_tensorflow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"
