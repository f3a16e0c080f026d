"""kresnet: residual networks from a declarative spec, planned, built, trained, exported and proved servable.

    network = kresnet.load("quickstart", {"recipe": None})  # a Network; .spec, .plan(), .build(), .save()
    run = kresnet.fit(network, "quickstart")                # a Run; .history, .plot(), .predict(), .export()

Every verb of the command line is a function or a method here, and the command line calls nothing else; but for `serve`
and `predict --server`, which have to do with another process. Importing kresnet imports no more of it than its
version: what a name stands for is imported when it is first used, and TensorFlow when something has to be computed.
What goes wrong is raised as `KresnetError`, whose `problems` say where and what to do.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kresnet.version import __version__

if TYPE_CHECKING:
    from kresnet.api.checks import check_batch_norm, check_export, check_gradients
    from kresnet.api.explain import explain
    from kresnet.api.network import Network, diff, load, recipe, schema, specs
    from kresnet.api.reports import compare_runs, report_run
    from kresnet.api.run import Run, list_runs, open_run, resume
    from kresnet.api.study import StudyResult, plan_study, run_study, studies
    from kresnet.api.training import dry_run, fit
    from kresnet.api.weights import convert, export_model
    from kresnet.errors import KresnetError, Problem

__all__ = [
    "KresnetError",
    "Network",
    "Problem",
    "Run",
    "StudyResult",
    "__version__",
    "check_batch_norm",
    "check_export",
    "check_gradients",
    "compare_runs",
    "convert",
    "diff",
    "dry_run",
    "explain",
    "export_model",
    "fit",
    "list_runs",
    "load",
    "open_run",
    "plan_study",
    "recipe",
    "report_run",
    "resume",
    "run_study",
    "schema",
    "specs",
    "studies",
]

#: Where the names are defined.
_HOMES = {
    "kresnet.api.checks": ("check_batch_norm", "check_export", "check_gradients"),
    "kresnet.api.explain": ("explain",),
    "kresnet.api.network": ("Network", "diff", "load", "recipe", "schema", "specs"),
    "kresnet.api.reports": ("compare_runs", "report_run"),
    "kresnet.api.run": ("Run", "list_runs", "open_run", "resume"),
    "kresnet.api.study": ("StudyResult", "plan_study", "run_study", "studies"),
    "kresnet.api.training": ("fit", "dry_run"),
    "kresnet.api.weights": ("convert", "export_model"),
    "kresnet.errors": ("KresnetError", "Problem"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return globals().setdefault(name, getattr(import_module(home), name))
    raise AttributeError(f"module 'kresnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
