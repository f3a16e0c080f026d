"""What `fit`, `evaluate` and `predict` refuse before TensorFlow is imported, and how they tell what they measured."""

from __future__ import annotations

import pytest

from kresnet.cli.main import main
from kresnet.cli.train import _format_metrics, _format_peak_memory


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["fit", "quickstart", "--resume", "run"], "kresnet fit --resume run"),
        (["fit", "--resume", "run", "--dry-run"], "kresnet fit --resume run"),
        (["fit", "quickstart", "--allow-changed"], "kresnet fit --resume RUN --allow-changed"),
        (["fit"], "kresnet fit quickstart -o RUN"),
        (["fit", "quickstart", "--dry-run", "--freeze", "stem"], "leave them out"),
        (["predict", "image.png", "--server", "http://localhost:8501"], "--model NAME"),
        (["predict", "image.png", "--model", "tiny"], "--model NAME"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "[bad_option]" in error
    assert remedy in error


def test_metrics_are_told_in_the_order_of_the_recipe_and_others_left_out() -> None:
    assert _format_metrics({"accuracy": 0.5, "loss": 1.25, "images": 10}) == "loss 1.2500, accuracy 0.5000"


def test_peak_memory_of_a_device_is_told_where_it_is_known() -> None:
    assert _format_peak_memory({"host": 2**30}) == "1 GiB of memory"
    assert _format_peak_memory({"host": 2**30, "device": 2**31}) == "1 GiB of memory, 2 GiB on the device"


@pytest.mark.parametrize("unit", ["epochs", "steps", "examples"])
def test_a_length_is_for_a_run_that_is_resumed(unit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "quickstart", f"--{unit}", "7"])
    assert f"--set recipe.{unit}=7" in capsys.readouterr().err
