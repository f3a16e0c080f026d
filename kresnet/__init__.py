"""kresnet: residual networks from a declarative spec, planned, built, trained, exported and proved servable.

    network = kresnet.load("quickstart", {"recipe": None})  # a Network; .spec, .plan(), .build(), .save()
    run = kresnet.fit(network, "quickstart")                # a Run; .history, .plot(), .predict(), .export()

Every verb of the command line is a function or a method here, and the command line calls nothing else; but for `serve`
and `predict --server`, which have to do with another process. Importing kresnet imports no more of it than its
version: what a name stands for is imported when it is first used, and TensorFlow when something has to be computed.
What goes wrong is raised as `KresnetError`, whose `problems` say where and what to do.
"""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from kresnet.version import __version__

if TYPE_CHECKING:
    from kresnet.api.checks import check_activations, check_batch_norm, check_device, check_export, check_gradients
    from kresnet.api.conversion import convert
    from kresnet.api.data import describe_data, prepare_data
    from kresnet.api.evaluation import calibrate, evaluate
    from kresnet.api.explain import explain
    from kresnet.api.export import export_model
    from kresnet.api.kernels import clear_kernels, list_kernels
    from kresnet.api.learning_rate import LearningRateTest, find_learning_rate
    from kresnet.api.network import Network, diff, load, recipe, schema, specs
    from kresnet.api.pretrained import list_weights, pull_weights, show_weights
    from kresnet.api.push import push
    from kresnet.api.reports import compare_runs, report_run
    from kresnet.api.run import Run, list_runs, open_run, resume
    from kresnet.api.scaling import ScaledNetwork, scale
    from kresnet.api.search import SearchResult, plan_search, run_search, searches
    from kresnet.api.study import StudyResult, plan_study, run_study, studies
    from kresnet.api.trained import PredictionSummary, load_model, predict, predict_files, predict_to_file
    from kresnet.api.training import dry_run, fit
    from kresnet.errors import KresnetError, Problem

__all__ = [
    "KresnetError",
    "LearningRateTest",
    "Network",
    "PredictionSummary",
    "Problem",
    "Run",
    "ScaledNetwork",
    "SearchResult",
    "StudyResult",
    "__version__",
    "calibrate",
    "check_activations",
    "check_batch_norm",
    "check_device",
    "check_export",
    "check_gradients",
    "clear_kernels",
    "compare_runs",
    "convert",
    "describe_data",
    "diff",
    "dry_run",
    "evaluate",
    "explain",
    "export_model",
    "find_learning_rate",
    "fit",
    "list_kernels",
    "list_runs",
    "list_weights",
    "load",
    "load_model",
    "open_run",
    "plan_search",
    "plan_study",
    "predict",
    "predict_files",
    "predict_to_file",
    "prepare_data",
    "pull_weights",
    "push",
    "recipe",
    "report_run",
    "resume",
    "run_search",
    "run_study",
    "scale",
    "schema",
    "searches",
    "show_weights",
    "specs",
    "studies",
]

#: Where the names are defined.
_HOMES = {
    "kresnet.api.checks": (
        "check_activations",
        "check_batch_norm",
        "check_device",
        "check_export",
        "check_gradients",
    ),
    "kresnet.api.data": ("describe_data", "prepare_data"),
    "kresnet.api.evaluation": ("calibrate", "evaluate"),
    "kresnet.api.explain": ("explain",),
    "kresnet.api.kernels": ("clear_kernels", "list_kernels"),
    "kresnet.api.learning_rate": ("LearningRateTest", "find_learning_rate"),
    "kresnet.api.network": ("Network", "diff", "load", "recipe", "schema", "specs"),
    "kresnet.api.pretrained": ("list_weights", "pull_weights", "show_weights"),
    "kresnet.api.push": ("push",),
    "kresnet.api.reports": ("compare_runs", "report_run"),
    "kresnet.api.run": ("Run", "list_runs", "open_run", "resume"),
    "kresnet.api.scaling": ("ScaledNetwork", "scale"),
    "kresnet.api.search": ("SearchResult", "plan_search", "run_search", "searches"),
    "kresnet.api.study": ("StudyResult", "plan_study", "run_study", "studies"),
    "kresnet.api.training": ("fit", "dry_run"),
    "kresnet.api.trained": (
        "PredictionSummary",
        "load_model",
        "predict",
        "predict_files",
        "predict_to_file",
    ),
    "kresnet.api.conversion": ("convert",),
    "kresnet.api.export": ("export_model",),
    "kresnet.errors": ("KresnetError", "Problem"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return globals().setdefault(name, getattr(import_module(home), name))
    if name == "extensions":
        return import_module("kresnet.extensions")
    raise AttributeError(f"module 'kresnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))


class _KerasImport(MetaPathFinder):
    """Registers kresnet's layers with Keras as soon as Keras is imported, whoever imports it; costs nothing before.

    So `keras.models.load_model` reads kresnet's files after `import kresnet`, before or behind `import keras`.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        finders = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(fullname, path, target) for finder in finders if hasattr(finder, "find_spec"))
        spec = next((each for each in found if each is not None), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_register(module: Any) -> None:
            execute(module)
            _register_layers()

        spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def _register_layers() -> None:
    """Register kresnet's layers with Keras, where it is a Keras that they run on."""
    with contextlib.suppress(Exception):  # what is wrong with a Keras is told where kresnet needs it
        import_module("kresnet.graph.layers")


if "keras" in sys.modules:
    _register_layers()
elif not any(type(finder).__name__ == "_KerasImport" for finder in sys.meta_path):
    sys.meta_path.insert(0, _KerasImport())
