"""`kresnet watch`, as a user types it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from tests.cli.test_main import run as typed
from tests.command import KRESNET
from tests.report.recorded_runs import made


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "runs" / "one")
    made(tmp_path / "runs" / "two", epochs=2)
    return tmp_path


def test_once_prints_how_runs_stand(home, capsys):
    assert typed("watch", "runs/two", "--once") == 0
    out = capsys.readouterr().out
    assert "tiny: two" in out
    assert "Stopped after step 20 of 40: it was killed, and can go on.\ntry: kresnet fit --resume runs/two" in out
    assert typed("watch", "runs", "runs/two", "--terminal", "--once") == 0
    assert "tiny: one" not in capsys.readouterr().err


def test_wrong_input_is_told(home, capsys):
    for words, code, text in (
        (("none",), "file_missing", "There is no folder none."),
        (("runs", "--once", "--port", "80"), "bad_option", "--port has no effect without a page."),
        (("runs", "--terminal", "--no-evaluate", "--no-browser"), "bad_option", "--no-browser and --no-evaluate"),
        (("runs", "--terminal"), "bad_option", "kresnet watch runs --once"),  # standard output is no terminal here
        (("runs/one", "runs/one", "--once"), "bad_option", "is named twice"),
        ((), "bad_option", "kresnet watch --help"),
    ):
        assert typed("watch", *words) == 2
        err = capsys.readouterr().err
        assert f"[{code}]" in err
        assert text in err


def test_the_page_is_served_until_ctrl_c(home):
    command = [*KRESNET, "watch", "runs", "--no-browser", "--no-evaluate"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        address = process.stderr.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        with urllib.request.urlopen(address, timeout=120) as answer:
            assert "2 runs compared" in answer.read().decode()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address.rsplit("/", 2)[0] + "/", timeout=120)
        assert refused.value.code == 403
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_help_and_once_import_no_tensorflow(home):
    program = "import sys; from kresnet.cli.main import main\ntry: main()\nfinally: print('tensorflow' in sys.modules)"
    for words in (("watch", "--help"), ("watch", "runs", "--once")):
        done = subprocess.run(
            [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, timeout=120
        )
        assert done.stdout.rstrip().endswith("False")
