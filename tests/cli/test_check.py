"""Check bn and check gradients as a user runs them."""

import json
from dataclasses import replace

import pytest

from kresnet.cli.main import main
from kresnet.diagnostics.device_check.device_report import PartEntry, begin_report
from kresnet.diagnostics.device_check.part import PartResult
from tests.command import kresnet, kresnet_process
from tests.probes.small_networks import document

TINY = {"stages": [{"blocks": 1, "width": 8}, {"blocks": 1, "width": 8, "stride": 2}]}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    directory = tmp_path_factory.mktemp("checks")
    (directory / "tiny.json").write_text(json.dumps(document(**TINY)))
    (directory / "plain.json").write_text(
        json.dumps(document(**TINY, name="plain", block={"kind": "basic", "shortcut": "none"}))
    )
    return directory


def test_bn_prints_a_table(home):
    done = kresnet("check", "bn", "tiny.json", "--batch", 8, cwd=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("agrees") == 6
    assert "embedded" in done.stdout
    assert "All 6 batch norms" in done.stderr


def test_bn_as_json_is_one_object(home):
    done = kresnet("check", "bn", "tiny.json", "--json", "--set", "recipe.precision=bfloat16", cwd=home)
    report = json.loads(done.stdout)
    assert (report["passed"], report["precision"], report["batch"]) == (True, "bfloat16", 16)
    assert all(not norm["failures"] and norm["errors"]["x"] < 2e-5 for norm in report["norms"])


def test_gradients_compares_two_networks_and_draws_them(home):
    done = kresnet("check", "gradients", "tiny.json", "--against", "plain.json", "-o", "figure", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    networks = json.loads(done.stdout)["networks"]
    assert [network["network"] for network in networks] == ["tiny", "plain"]
    assert networks[0]["blocks"][0]["identity"] > 0
    assert networks[1]["blocks"][0]["identity"] is None
    assert all(block["largest"] >= block["typical"] > 0 for network in networks for block in network["blocks"])
    files = {path.name: path.read_bytes() for path in (home / "figure").iterdir()}
    assert files.keys() == {"gradients.json", "gradients.png", "gradients.svg"}
    assert files["gradients.png"].startswith(b"\x89PNG")
    assert b"</svg>" in files["gradients.svg"]
    assert json.loads(files["gradients.json"]) == {"networks": networks}
    again = kresnet("check", "gradients", "tiny.json", "-o", "figure", cwd=home)
    assert again.returncode == 2
    assert "[output_exists]" in again.stderr


def test_a_setting_is_varied_and_several_networks_are_measured_at_once(home):
    vary = ("--vary", "block.shortcut=[none, projection]", "--against", "plain.json", "--against", "tiny.json")
    done = kresnet("check", "gradients", "tiny.json", *vary, "--no-jacobians", "--batch", 4, "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    none, projection, plain, tiny = json.loads(done.stdout)["networks"]
    assert none["network"] == 'tiny (block.shortcut="none")'
    assert none["blocks"] == plain["blocks"]
    assert projection["blocks"] == tiny["blocks"]
    assert tiny["blocks"][0]["largest"] is None


def test_activations_are_told_with_a_verdict_and_as_json(home):
    done = kresnet(
        "check", "activations", "tiny.json", "--vary", "norm=[{kind: batch}, {kind: none}]", "--json", cwd=home
    )
    assert done.returncode == 0, done.stderr
    norms = json.loads(done.stdout)["networks"]
    assert [norm["network"] for norm in norms] == ['tiny (norm={"kind": "batch"})', 'tiny (norm={"kind": "none"})']
    assert all(block["deviation"] > 0 for norm in norms for block in norm["blocks"])
    told = kresnet("check", "activations", "tiny.json", cwd=home)
    assert "stage2.block1" in told.stdout
    assert "the deviation of activations holds" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["bn", "residual_mlp"], "contradiction"),
        (["bn", "quickstart", "--set", "norm.kind=layer"], "contradiction"),
        (["bn", "quickstart", "--batch", "1"], "contradiction"),
        (["bn", "quickstart", "--batch", "0"], "bad_option"),
        (["bn", "quickstart", "--batch", "1000000"], "too_large"),
        (["bn", "quickstart", "--set", "recipe.data={kind: folder, path: nowhere}"], "data_missing"),
        (["bn", "quickstart", "--recipe", "fashion_mnist", "--set", "recipe.data.data_dir=no"], "data_missing"),
        (["bn", "."], "run_missing"),
        (["bn", "quickstartt"], "unknown_name"),
        (["gradients", "quickstart", "--batch", "1"], "bad_option"),
        (["gradients", "quickstart", "--set", "recipe.distribution=mirrored"], "environment"),
        (["gradients", "resnet18", "--recipe", "quickstart"], "data_mismatch"),
        (["gradients", "quickstart", "--vary", "block.shortcut=none"], "bad_option"),
        (["gradients", "quickstart", "--vary", "block.shortcut"], "bad_override"),
        (["device", "--part", "devises"], "bad_option"),
        (["device", "-o", "."], "output_exists"),
    ],
)
def test_wrong_use_is_told_in_plain_words(home, arguments, code, monkeypatch, capsys):
    monkeypatch.chdir(home)
    with pytest.raises(SystemExit) as stopped:
        main(["check", *arguments])
    told = capsys.readouterr().err
    assert stopped.value.code == 2
    assert f"[{code}]" in told
    assert "Traceback" not in told


def test_device_is_checked_part_by_part_without_tensorflow_here(home):
    """The verb's own process, and the report that a user attaches."""
    done = kresnet_process("check", "device", "--quick", "--part", "libraries", "-o", "report", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert [result["part"] for result in report["results"]] == ["libraries"]
    assert report == json.loads((home / "report/device-check.json").read_text())
    assert "Written to report: device-check.md" in done.stderr


def test_a_failed_part_of_a_device_check_is_an_error_with_its_remedy(monkeypatch, capsys):
    result = PartResult("XLA in float32", "failed", {"differs by": 0.5}, "what was found", "--json")
    report = replace(begin_report(True), entries=(PartEntry("xla", result, 1.0),), complete=True)
    monkeypatch.setattr("kresnet.cli.check.kresnet.check_device", lambda **options: report)
    with pytest.raises(SystemExit) as stopped:
        main(["check", "device"])
    out, told = capsys.readouterr()
    assert stopped.value.code == 1
    assert "XLA in float32" in out
    assert "[device_check_failed]" in told
    assert "what was found" in told
