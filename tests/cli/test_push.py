"""The verb push, as typed."""

from __future__ import annotations

import json

from tests.command import kresnet


def test_a_dry_run_writes_a_folder_and_sends_nothing(transferred, tmp_path):
    done = kresnet("push", transferred, "hf:me/mine", "--dry-run", "pushed", "--licence", "mit", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["timm_architecture"] == "resnet50d"
    assert "Nothing was sent" in done.stderr
    assert (tmp_path / "pushed" / "model.safetensors").is_file()
    again = kresnet("push", transferred, "hf:me/mine", "--dry-run", "pushed", cwd=tmp_path)
    assert again.returncode == 2
    assert "[output_exists]" in again.stderr
