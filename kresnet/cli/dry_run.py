"""The output of `kresnet fit --dry-run`: what a run would do, as text and as a chart of its learning rate."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kresnet.cli.bar_chart import bar_chart, chart_width
from kresnet.cli.common import stdout_console

if TYPE_CHECKING:
    from kresnet.training.dry_run import DryRun

#: What is done with the images of each split.
_USES = {"train": "train", "validation": "validate", "test": "test"}


def print_dry_run(dry_run: DryRun) -> None:
    """Print how long a run would be, its learning rate over the steps, its memory and its time."""
    out, resolved, timing, data = stdout_console(), dry_run.resolved_recipe, dry_run.timing, dry_run.data
    devices = f"{dry_run.devices} device{'s' * (dry_run.devices > 1)}"
    optional = {"ema": resolved.ema, "quantize": resolved.quantize, "early stop": resolved.early_stopping}
    images = [f"{data[split]:,} to {use} on" for split, use in _USES.items() if split in data]
    if resolved.layer_decay:
        optional["layerwise"] = {"rate of a block over that of the one behind it": resolved.layer_decay}
    measured = (*resolved.objective.metrics, *map(str, resolved.epoch_metrics))
    rows = [
        ("run", f"{dry_run.spec} by {resolved.about['name']}, {dry_run.precision}, {devices}"),
        ("images", f"{', '.join(images)} ({data['name']})"),
        *(("", note) for note in (*data["notes"], *dry_run.notes)),
        (
            "steps",
            f"{resolved.total_steps:,} of {resolved.batch_size:,} images: {resolved.epochs:g} epochs of "
            f"{resolved.epoch_steps:,} steps",
        ),
        ("optimizer", _describe_settings(resolved.optimizer)),
        (
            "loss",
            f"{resolved.objective.kind}; measured: {', '.join(measured)}",
        ),
        *((key, _describe_settings(value)) for key, value in optional.items() if value),
        ("trackers", "; ".join(map(_describe_settings, resolved.settings["trackers"])) or "none"),
        ("rate", _describe_schedule(resolved.learning_rate)),
        ("memory", str(dry_run.memory)),
        (
            "time",
            f"about {_clock_time(timing.total)}: a step {timing.step:.3g} s (median of {timing.steps}), an evaluation "
            f"{timing.evaluation:.3g} s, the first step {timing.first_step:.1f} s",
        ),
    ]
    for key, text in rows:
        out.print(f"{key:<11}{text}", soft_wrap=True)
    out.print()
    ends = ("0", f"step {resolved.total_steps:,}")
    for line in bar_chart([rate for _, rate in dry_run.rates], ends, width=chart_width(out.width)):
        out.print(line)
    out.print("Nothing was written.")


def _describe_schedule(rate: Any) -> str:
    """Return a learning-rate schedule in words."""
    parts = [f"peak {rate.peak:g}, {rate.shape.replace('_', ' ')}"]
    if rate.warmup:
        begin = f" from {rate.peak * rate.warmup.start:g}" if rate.warmup.start else ""
        parts.append(f"{rate.warmup.shape} warm-up of {rate.warmup.steps:,} steps{begin}")
    if rate.shape == "falls":
        at = rate.settings["at_steps"]
        moments = ", ".join(f"{step:,}" for step in at[:5]) + (f" and {len(at) - 5} more" if len(at) > 5 else "")
        parts.append(f"times {rate.settings['factor']:g} after step {moments}")
    elif rate.settings:
        parts.append(_describe_settings(rate.settings))
    return "; ".join(parts)


def _describe_settings(settings: Any) -> str:
    """Return settings in one line, the kind first."""
    rest = ", ".join(
        f"{key} {_format_value(value)}" for key, value in settings.items() if key != "kind" and value is not None
    )
    return ", ".join(filter(None, (settings.get("kind"), rest)))


def _format_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _clock_time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
