"""How far it is from the verb to the gradient, and how often a command plans and reads."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf

import kresnet
import kresnet.plan
from kresnet.cli import train as verbs
from kresnet.data import embedded
from kresnet.runs import run_directory

PACKAGE = str(Path(kresnet.__file__).parent)
SPEC = {
    "name": "tiny",
    "input": {"shape": [28, 28, 1]},
    "stem": {"kind": "conv", "width": 4, "kernel": 7, "stride": 4},
    "block": {"kind": "basic"},
    "stages": [{"blocks": 1, "width": 4}],
    "head": {"classes": 10},
}
RECIPE = {
    "name": "short",
    "data": {"kind": "embedded"},
    "steps": 2,
    "batch_size": 64,
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
}


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "recipe.yaml").write_text(kresnet.recipe(RECIPE).yaml())
    (folder / "tiny.yaml").write_text(kresnet.load({**SPEC, "recipe": str(folder / "recipe.yaml")}).spec.yaml())
    return folder / "tiny.yaml"


@pytest.fixture
def counts(monkeypatch) -> Counter[str]:
    """How often networks are planned, and documents of runs are read."""
    found: Counter[str] = Counter()
    originals = kresnet.plan.make_plan, run_directory.read_document

    def count(name, original):
        def counted(*arguments, **rest):
            found[name] += 1
            return original(*arguments, **rest)

        return counted

    for module in [module for name, module in sys.modules.items() if name.startswith("kresnet")]:
        if getattr(module, "make_plan", None) is originals[0]:
            monkeypatch.setattr(module, "make_plan", count("planned", originals[0]))
    monkeypatch.setattr(run_directory, "read_document", count("read", originals[1]))
    return found


@pytest.fixture(scope="module")
def finished(spec_file, tmp_path_factory) -> Path:
    return kresnet.fit(spec_file, output=tmp_path_factory.mktemp("runs") / "whole", progress=False).path


def test_from_the_verb_to_the_gradient_there_are_at_most_eight_calls(spec_file, tmp_path, monkeypatch, capsys):
    """Functions of kresnet on the stack; those that autograph wrote anew count too, its own machinery does not."""
    chains: list[list[str]] = []
    gradient = tf.GradientTape.gradient

    def watched(self, *arguments, **rest):
        frames = inspect.stack(context=0)
        ours = [frame.function.removeprefix("tf__") for frame in frames if _is_ours(frame)]
        chains.append(ours[::-1])
        return gradient(self, *arguments, **rest)

    monkeypatch.setattr(tf.GradientTape, "gradient", watched)
    verbs.fit(str(spec_file), output=tmp_path / "run")
    assert chains[0] == [
        "fit",  # kresnet.cli.train: options
        "fit",  # kresnet.api.training: documents, memory, TensorFlow
        "start",  # kresnet.training.fit: workers, data, the run's directory
        "train_as_chief",  # kresnet.training.fit: lock, signals, how the run ended
        "train",  # kresnet.training.loop.session: steps, epochs, saves
        "_train_steps",  # kresnet.training.step.engine: several steps a call, on every replica
        "train_step",  # kresnet.training.step.trainer: update, or everything as it was
        "_forward_backward",  # kresnet.training.step.trainer: the tape
    ]


def _is_ours(frame: inspect.FrameInfo) -> bool:
    written_anew = frame.function.startswith("tf__") and "autograph_generated" in frame.filename
    return frame.filename.startswith(PACKAGE) or written_anew


@pytest.mark.parametrize("verb", ["fit", "dry_run", "check_gradients"])
def test_a_command_on_a_spec_plans_once(verb, spec_file, tmp_path, counts):
    if verb == "fit":
        kresnet.fit(spec_file, output=tmp_path / "run", progress=False)
    elif verb == "dry_run":
        kresnet.dry_run(spec_file)
    else:
        kresnet.check_gradients(spec_file, batch=4)
    assert counts["planned"] == 1
    assert counts["read"] == 0


@pytest.mark.parametrize("verb", ["evaluate", "predict", "check_gradients", "export", "explain", "report"])
def test_a_command_on_a_run_reads_its_two_documents_once_and_plans_once(verb, finished, tmp_path, counts):
    images = [embedded.read_embedded()["test_images"][0]] if verb in ("predict", "explain") else []
    run = kresnet.open_run(finished)
    match verb:
        case "evaluate":
            run.evaluate()
        case "predict":
            run.predict(images)
        case "check_gradients":
            kresnet.check_gradients(run, batch=4)
        case "export":
            run.export(tmp_path / "model.tflite", format="tflite", progress=False)
        case "explain":
            kresnet.explain(run, images)
        case "report":
            kresnet.report_run(run, tmp_path / "report.html", progress=False)
    assert counts["planned"] == 1
    assert counts["read"] <= 2 + 2 * (verb == "report")  # the page tells the run's status, which reads without planning


def test_resuming_reads_and_plans_once(spec_file, tmp_path, monkeypatch, counts):
    run = kresnet.fit(spec_file, output=tmp_path / "run", progress=False)
    run.directory.result.unlink()
    counts.clear()
    kresnet.resume(tmp_path / "run", progress=False)
    assert counts == {"planned": 1, "read": 2}
