"""Experiments: the command that is shown is what runs, within limits, and can be stopped."""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest

from kresnet.errors import KresnetError
from kresnet.pages.editor import experiments
from kresnet.pages.editor.document_file import DocumentFile, load_network
from kresnet.pages.editor.experiments import (
    SERIES,
    ExperimentRunner,
    command_line,
    experiment_arguments,
    experiment_figures,
)
from tests.command import kresnet
from tests.pages.editor.test_equivalent_command import TEXT


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(TEXT)
    return DocumentFile("spec", "small.yaml")


def test_the_command_line_gives_the_figures_that_are_drawn(file, tmp_path):
    """Every series is one that the command takes; the page shows what it prints."""
    network = load_network(file, TEXT.replace("classes: 10", "classes: 12"))
    arguments = experiment_arguments(file, network, "gradients", "shortcut", 4, "", 7)
    assert command_line(arguments) == (
        "kresnet check gradients small.yaml --batch 4 --set head.classes=12 "
        "--vary 'block.shortcut=[none, projection]' --set recipe.seed=7 --no-jacobians"
    )
    done = kresnet(*arguments, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    html = experiment_figures("gradients", values)
    (drawn,) = re.findall(r'data-plot="delta">(.*?)</script>', html)
    traces = json.loads(drawn)["data"]
    assert [trace["y"] for trace in traces] == [
        [block["delta"] for block in each["blocks"]] for each in values["networks"]
    ]
    assert 'data-plot="paths"' in html


@pytest.mark.parametrize("series", list(SERIES))
@pytest.mark.parametrize("measure", ["gradients", "activations"])
def test_every_series_is_one_that_can_be_measured(file, series, measure):
    """Each value that is varied makes a network, or is refused with a reason."""
    import kresnet as api
    from kresnet.cli.check import _networks

    words = experiment_arguments(file, load_network(file, TEXT), measure, series, 4, "")
    options = dict(zip(words[3::2], words[4::2], strict=False))
    for reference, settings in _networks(words[2], [], options.get("--vary"), None):
        assert api.load(reference, settings).plan().macs > 0


def test_what_would_take_minutes_or_is_not_saved_is_refused(file):
    big = load_network(DocumentFile("spec", "resnet50"), DocumentFile("spec", "resnet50").read().text)
    for arguments, code in (
        ((DocumentFile("spec", "resnet50"), big, "gradients", "this", 1000, ""), "too_large"),
        ((file, load_network(file, TEXT.replace(", stride: 2", "")), "gradients", "this", 4, ""), "bad_option"),
        ((file, load_network(file, TEXT), "gradient", "this", 4, ""), "bad_option"),
        ((file, load_network(file, TEXT), "gradients", "that", 4, ""), "bad_option"),
    ):
        with pytest.raises(KresnetError) as caught:
            experiment_arguments(*arguments)
        assert caught.value.problems[0].code == code


def _sleeping(monkeypatch) -> None:
    command = ["sleep", "60"]
    monkeypatch.setattr(experiments, "python_command", lambda *arguments: command)


def test_an_experiment_is_stopped_when_asked_and_when_it_takes_too_long(monkeypatch, tmp_path):
    _sleeping(monkeypatch)

    async def stopped() -> None:
        runner = ExperimentRunner()
        running = asyncio.create_task(runner.run([], tmp_path))
        await asyncio.sleep(0.2)
        with pytest.raises(KresnetError, match="Another experiment"):
            await runner.run([], tmp_path)
        assert runner.stop()
        with pytest.raises(KresnetError, match="was stopped"):
            await running
        assert not runner.stop()

    async def too_long() -> None:
        with pytest.raises(KresnetError, match=r"after 0\.2 s"):
            await ExperimentRunner(seconds=0.2).run([], tmp_path)

    began = time.monotonic()
    asyncio.run(stopped())
    asyncio.run(too_long())
    assert time.monotonic() - began < 50  # neither waited for the process


def test_what_the_command_refuses_is_told_as_it_told_it(monkeypatch, tmp_path):
    problem = {"code": "too_large", "message": "Too much.", "remedy": "--batch 2"}
    for printed, code in ((json.dumps({"problems": [problem]}), "too_large"), ("no JSON", "internal")):
        command = ["printf", "%s", printed]
        monkeypatch.setattr(experiments, "python_command", lambda *arguments, command=command: command)
        with pytest.raises(KresnetError) as caught:
            asyncio.run(ExperimentRunner().run([], tmp_path))
        assert caught.value.problems[0].code == code
