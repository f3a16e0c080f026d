"""Verbs that train networks and measure them: fit, runs, evaluate."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kresnet
from kresnet.cli.common import (
    AcceptLicenceOption,
    BestOption,
    ClassNamesOption,
    DataOption,
    DataSetOption,
    ForceOption,
    JsonOption,
    MeasuredArgument,
    OutputOption,
    SetOption,
    SplitOption,
    TrainedSpecOption,
    log,
    print_json,
    stdout_console,
)
from kresnet.data.description import SPLITS
from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import replace_non_finite

if TYPE_CHECKING:
    from kresnet.training.dry_run import DryRun


def register(app: typer.Typer) -> None:
    for verb in (fit, runs, evaluate):
        app.command()(verb)


def fit(
    spec: Annotated[str | None, typer.Argument(metavar="SPEC", help="Path or shipped name of a spec.")] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="RECIPE", help="Path or shipped name; else the spec's own.")
    ] = None,
    overrides: SetOption = None,
    output: OutputOption = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Continue this run instead of starting one.")
    ] = None,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Continue although something changed that changes the result.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="With --resume: train on to N epochs, finished or not.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="The same in steps.")] = None,
    examples: Annotated[
        int | None, typer.Option("--examples", metavar="N", help="The same in training images.")
    ] = None,
    pause_after: Annotated[
        int | None,
        typer.Option("--pause-after", metavar="N", help="Stop after N epochs, the state saved; --resume goes on."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option("--init", metavar="NAME|RUN|FILE", help="Start from these weights; the head may differ."),
    ] = None,
    accept_licence: AcceptLicenceOption = False,
    frozen: Annotated[
        str | None,
        typer.Option("--freeze", metavar="PARTS", help="Parts of --init to hold as they are: stem,stage1."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what the run would do, after a few timed steps; write nothing.")
    ] = False,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Sweep the learning rate over 100 steps and suggest one; train nothing.")
    ] = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network, or continue a run that was stopped."""
    if find_lr:
        given = {"--resume": resume, "--dry-run": dry_run, "--allow-changed": allow_changed, "--epochs": epochs,
                 "--steps": steps, "--examples": examples, "--pause-after": pause_after}  # fmt: skip
        if unsuitable := [name for name, value in given.items() if value]:
            message = f"--find-lr trains nothing, and goes without {' and '.join(unsuitable)}."
            raise make_error("bad_option", message, remedy="kresnet fit SPEC --find-lr")
        return _find_learning_rate(
            spec, recipe, overrides or [], output, init, _split_parts(frozen),
            accept_licence=accept_licence, force=force, as_json=as_json,
        )  # fmt: skip
    lengths: dict[str, Any] = {"epochs": epochs, "steps": steps, "examples": examples}
    if resume is None:
        _refuse_options_of_resume(allow_changed, lengths)
    elif spec or recipe or overrides or output or init or frozen or dry_run or accept_licence:
        message = "--resume continues a run as it is, without SPEC or other settings."
        raise make_error("bad_option", message, remedy=f"kresnet fit --resume {shell_word(resume)}")
    if dry_run:
        if spec is None:
            raise make_error("bad_option", "Name the spec to try.", remedy="kresnet fit quickstart --dry-run")
        if output or init or frozen or pause_after:
            message = "--dry-run goes without -o, --init, --freeze and --pause-after."
            raise make_error("bad_option", message, remedy="leave them out")
        return _print_dry_run(kresnet.dry_run(spec, recipe, overrides=overrides or (), force=force), as_json)
    with _raise_cause_of_interrupt():
        if resume is not None:
            run = kresnet.resume(resume, **lengths, allow_changed=allow_changed, pause_after=pause_after)
        else:
            run = kresnet.fit(
                spec, recipe, output=output, overrides=overrides or (), init=init, freeze=_split_parts(frozen),
                accept_licence=accept_licence, force=force, pause_after=pause_after,
            )  # fmt: skip
    if as_json:
        return print_json(run.result or {})
    if run.path.is_dir():  # else another worker's, which writes nothing; its chief says how the run ended
        _print_result(run)
    return None


def _refuse_options_of_resume(allow_changed: bool, lengths: Mapping[str, int | None]) -> None:
    """Refuse, for a new run, what only goes with --resume."""
    if allow_changed:
        message = "--allow-changed is for --resume."
        raise make_error("bad_option", message, remedy="kresnet fit --resume RUN --allow-changed")
    for unit, value in lengths.items():
        if value is not None:
            message = f"--{unit} is for --resume; the length of a new run is a setting of its recipe."
            raise make_error("bad_option", message, remedy=f"--set recipe.{unit}={value}")


def _print_result(run: kresnet.Run) -> None:
    """Print what a finished run has reached, and what it took."""
    from kresnet.plan.objective import named_metrics

    result = run.result or {}
    named = [metric.name for metric in named_metrics(run.recipe)]
    splits = [split for split in SPLITS[1:] if split in result]
    measured = ", ".join(f"{split} {_format_metrics(result[split], named)}" for split in splits)
    stdout_console().print(
        f"{measured} after {result['epochs']} epochs, "
        f"{result['seconds']:.0f} s of training; at most {_format_peak_memory(result['peak_memory'])}; run: {run.path}"
    )


def _split_parts(frozen: str | None) -> list[str]:
    return [part.strip() for part in frozen.split(",")] if frozen else []


def _find_learning_rate(
    spec: str | None,
    recipe: str | None,
    overrides: list[str],
    output: Path | None,
    init: str | None,
    freeze: list[str],
    *,
    accept_licence: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Print what a sweep of learning rates measured, and write it where the user wants it written."""
    from kresnet.files import refuse_existing

    if output:
        refuse_existing(output)
    found = kresnet.find_learning_rate(
        spec, recipe, overrides=overrides, init=init, freeze=freeze, accept_licence=accept_licence, force=force
    )
    if output:
        found.save(output)
    if as_json:
        print_json(found.as_dict())
    else:
        from kresnet.cli.find_lr import print_range_test

        print_range_test(found.test)
        if not output:
            stdout_console().print("Nothing was written.")
    if output:
        log(f"Written to {output}: learning_rate.json, learning_rate.png, learning_rate.svg")


@contextlib.contextmanager
def _raise_cause_of_interrupt() -> Iterator[None]:
    """Let a run that was asked to stop, and has saved its state, end with a status of its own."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        if isinstance(stopped.__cause__, KresnetError):
            raise stopped.__cause__ from None
        raise


def _print_dry_run(result: DryRun, as_json: bool) -> None:
    """Print what a run would do."""
    if as_json:
        return print_json(result.as_dict())
    from kresnet.cli.dry_run import print_dry_run

    return print_dry_run(result)


def _format_peak_memory(peak: Mapping[str, int]) -> str:
    """Return peak memory as text: `1.2 GiB of memory, 3.4 GiB on the device`."""
    from kresnet.plan.memory_estimate import bytes_text

    host = f"{bytes_text(peak['host'])} of memory"
    return f"{host}, {bytes_text(peak['device'])} on the device" if "device" in peak else host


def _format_metrics(metrics: Mapping[str, Any], names: Collection[str] = ()) -> str:
    """Return the metrics of a result as text: `loss 0.1234, accuracy 0.9876`; those of single examples, and `names`."""
    from kresnet.spec.recipe.metrics import EXAMPLE_METRICS, Metric

    known = [name for name, _ in Metric.kinds.items() if name in EXAMPLE_METRICS or name in names]
    shown = dict.fromkeys((*known, *names))
    return ", ".join(f"{name.replace('_', ' ')} {metrics[name]:.4f}" for name in shown if name in metrics)


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of runs, or one run.")] = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """List runs: whether they run, are finished, stopped or broken, how far they came, and their best epoch."""
    statuses = kresnet.list_runs(folder)
    if as_json:
        return print_json({"runs": statuses})
    from kresnet.cli.tables import runs_table

    return stdout_console().print(runs_table(statuses))


def evaluate(
    trained: MeasuredArgument,
    data: DataOption = None,
    split: SplitOption = None,
    best: BestOption = False,
    tta: Annotated[
        str | None, typer.Option("--tta", metavar="flip|five_crop", help="Mean prediction over views of each image.")
    ] = None,
    corrupt: Annotated[
        str | None,
        typer.Option("--corrupt", metavar="KINDS", help="On corrupted images too: all, noise, fog:3, ... by commas."),
    ] = None,
    spec: TrainedSpecOption = None,
    classes: ClassNamesOption = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", metavar="RECIPE", help="Whose data to take for a file without a run.")
    ] = None,
    overrides: DataSetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a network on images: those of its run, those of a recipe, or any others of its classes."""
    result = kresnet.evaluate(
        trained, best=best, spec=spec, classes=classes, recipe=recipe, overrides=overrides or (), data=data,
        split=split, tta=tta, corrupt=corrupt,  # type: ignore[arg-type]
    )  # fmt: skip
    if as_json:
        return print_json(replace_non_finite(result))
    from kresnet.cli.train_tables import (
        print_calibration_errors,
        print_class_accuracies,
        print_corruptions,
        print_split_metrics,
    )

    where = result["split"] or result["data"]["name"]
    stdout_console().print(f"{where} {_format_metrics(result)}, {result['images']:,} images")
    print_split_metrics(result)
    print_calibration_errors(result)
    if "tally" in result:
        print_class_accuracies(result["by_class"], result["tally"])
    if "corruptions" in result:
        print_corruptions(result["corruptions"])
    return None
