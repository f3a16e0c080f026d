"""The verb that opens the editor: what it says without a page, and its page's first and last moment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request

import pytest

import kresnet
from kresnet.cli.main import main
from tests.command import KRESNET, users_environment
from tests.command import kresnet as run_kresnet


def test_check_says_what_the_page_would(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["edit", "cifar_resnet20", "--check", "--against", "cifar_plain20", "--batch", "8", "--json"])
    assert stopped.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["plan"] == kresnet.load("cifar_resnet20").plan().as_dict(records=False)
    assert found["difference"] == kresnet.diff("cifar_plain20", "cifar_resnet20").as_dict()
    assert found["memory"]["batch_size"] == 8
    assert found["parts"][-1]["receptive field"] == "all"


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["--check", "resnet5"], "unknown_name", 2),
        (["resnet50", "--json"], "bad_option", 2),
        (["resnet50", "--against", "resnet18"], "bad_option", 2),
        (["resnet50", "--recipe", "quickstar"], "unknown_name", 2),
        (["wrong.yaml", "--check"], "unknown_field", 2),
    ],
)
def test_wrong_use_and_wrong_documents_are_told(tmp_path, monkeypatch, capsys, arguments, code, status):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.yaml").write_text("extends: resnet50\nname: a\nhaed: 3\n")
    with pytest.raises(SystemExit) as stopped:
        main(["edit", *arguments])
    assert stopped.value.code == status
    assert f"[{code}]" in capsys.readouterr().err


def test_the_page_is_served_until_it_is_interrupted(tmp_path):
    process = subprocess.Popen(
        [*KRESNET, "edit", "--no-browser"], cwd=tmp_path, env=users_environment(), text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/\S+/", process.stderr.readline())
        assert address
        with urllib.request.urlopen(address[0], timeout=60) as response:
            assert b"kresnet edit" in response.read()
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert list(tmp_path.iterdir()) == []


def test_a_table_fits_a_terminal(tmp_path):
    done = run_kresnet("edit", "--check", "cifar_resnet20", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "81 px /4" in done.stdout
    assert "batch of 32" in done.stdout
