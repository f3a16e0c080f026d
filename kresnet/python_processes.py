"""Python processes that import what is installed, and nothing that happens to lie in the working directory.

`python -m` looks for modules in the working directory first: a `keras.py` there would be imported as Keras. The process
that a user starts forgets that directory (`forget_working_directory`); those that kresnet starts never look there
(`python_command`, `child_environment`).
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path

#: The folder that this kresnet is imported from.
_HOME = os.fspath(Path(__file__).resolve().parents[1])

#: Settings by which Keras is another one, or ends a loop early; kresnet's own processes go without them.
_KERAS_SETTINGS = ("TF_USE_LEGACY_KERAS", "KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")


def forget_working_directory() -> None:
    """Take away the entry of `sys.path` that `python -m` puts in front; what `PYTHONPATH` names stays.

    kresnet's own modules are found all the same: by the path of the package.
    """
    if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0] or os.curdir) == os.path.realpath("."):
        del sys.path[0]


def drop_keras_settings() -> None:
    """Take settings that make Keras another one, or end its loops early, out of this process's environment."""
    for name in _KERAS_SETTINGS:
        os.environ.pop(name, None)


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs one of kresnet's modules in a new process, to be started with `child_environment`."""
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that kresnet starts.

    Args:
        changes: variables to set besides.

    Returns:
        This process's environment without settings of Keras, in which no Python looks for modules in the working
        directory, and kresnet is found where this process has it from.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _KERAS_SETTINGS}
    # An empty entry means the working directory.
    folders = [folder for folder in environment.pop("PYTHONPATH", "").split(os.pathsep) if folder]
    if _HOME not in map(os.path.realpath, (*folders, *site.getsitepackages(), site.getusersitepackages())):
        folders.insert(0, _HOME)  # a source tree, which need not be installed
    if folders:
        environment["PYTHONPATH"] = os.pathsep.join(folders)
    return environment | {"PYTHONSAFEPATH": "1"} | dict(changes or {})


__all__ = ["child_environment", "drop_keras_settings", "forget_working_directory", "python_command"]
