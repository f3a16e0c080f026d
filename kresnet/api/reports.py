"""Pages about runs, one at a time or side by side, and the data that they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.api.progress import run_output
from kresnet.api.run import Run
from kresnet.errors import make_error, shell_word
from kresnet.files import AnyPath, refuse_existing, translate_os_errors, write_text
from kresnet.plan.memory_estimate import bytes_text
from kresnet.report.run_data import RunData, gather_run_data, run_labels
from kresnet.runs.run_directory import RunDirectory as Directory
from kresnet.runtime import require_extra

if TYPE_CHECKING:
    from kresnet.evaluation.evaluation import Evaluation
    from kresnet.report.comparison import RunComparison

Log = Callable[[str], None]


def report_run(
    run: Run | AnyPath,
    output: AnyPath | None = None,
    *,
    best: bool = False,
    evaluate: bool = True,
    progress: bool = True,
) -> RunData:
    """Gather what a run left behind, and write a page about it that needs no network.

    Args:
        run: the run, in whatever state.
        output: the HTML file to write; none by default.
        best: evaluate the network of the best epoch rather than that of the last.
        evaluate: whether its network sees all test images once, for confusion and mistakes; else TensorFlow is not
            imported.
        progress: whether what is being done is told.

    Returns:
        What the page shows; `as_dict()` is JSON-ready.

    Raises:
        KresnetError: `run_missing`; `output_exists`, `not_writable` or `disk_full`; `environment` where a page is to be
            written and the packages of `kresnet[report]` are missing. What prevents an evaluation of the test
            images is stated on the page.
    """
    if output is not None:
        require_extra("report", "A page about a run")
    (run_data,) = _gather_all([run], output, evaluate, progress, best)
    if output is not None:
        from kresnet.report.page import report_page

        _write(Path(output), report_page(run_data), progress)
    return run_data


def compare_runs(
    runs: Sequence[Run | AnyPath], output: AnyPath | None = None, *, evaluate: bool = True, progress: bool = True
) -> RunComparison:
    """Write one page about several runs, with what tells them apart, as `report_run` does about one.

    Runs that differ in nothing but their seed are summed up as mean and standard deviation.

    Raises:
        KresnetError: as `report_run`; `bad_option` for fewer than two runs, or one named twice; `environment` where the
            packages of `kresnet[report]` are missing.
    """
    if len(runs) < 2:
        named = str(Path(runs[0])) if runs else ""
        raise make_error("bad_option", "To compare takes two runs or more.", found=named or "none",
                   remedy=f"kresnet report {shell_word(named) if named else 'RUN'}")  # fmt: skip
    require_extra("report", "A comparison")
    gathered = _gather_all(runs, output, evaluate, progress)
    from kresnet.report.comparison import make_comparison

    comparison = make_comparison(gathered)
    if output is not None:
        from kresnet.report.page import compare_page

        _write(Path(output), compare_page(comparison), progress)
    return comparison


def _gather_all(
    runs: Sequence[Run | AnyPath], output: AnyPath | None, evaluate: bool, progress: bool, best: bool = False
) -> list[RunData]:
    if output is not None and (page := Path(output)).is_dir():
        raise make_error("output_exists", f"{page} is a directory.", remedy=f"-o {shell_word(page / 'report.html')}")
    if output is not None:
        refuse_existing(Path(output))
    log, _ = run_output(progress)
    directories = [Path(run) for run in runs]
    evaluate_run = partial(_evaluate, log, best) if evaluate else None
    return [
        gather_run_data(directory, label, evaluate_run)
        for directory, label in zip(directories, run_labels(directories), strict=True)
    ]


def _evaluate(log: Log, best: bool, run: Directory) -> Evaluation:
    """Evaluate a run's test images; TensorFlow is imported for the first run that has a trained network."""
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.evaluation.evaluate import evaluate_with_mistakes

    log(f"{run}: looking at its test images")
    return evaluate_with_mistakes(run, best=best)


def _write(page: Path, text: str, progress: bool) -> None:
    with translate_os_errors(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    write_text(page, text)
    log, _ = run_output(progress)
    log(f"Written to {page}: {bytes_text(len(text.encode()))}, plotly.js among them; it needs no network.")


__all__ = ["compare_runs", "report_run"]
