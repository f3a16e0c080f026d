"""The command line where packages are missing: `python -m tests.without_packages MODULE,MODULE < COMMANDS`.

COMMANDS is a JSON list of argument lists, which are run in one process (TensorFlow is imported once); a JSON line is
printed for each: its exit status, stdout and stderr.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

from kresnet.cli.main import main


class MissingPackages(MetaPathFinder):
    """Makes the import of some top-level modules fail as if they were not installed."""

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = frozenset(modules)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.modules:
            raise ModuleNotFoundError(f"No module named '{fullname}'", name=fullname)
        return None


def run_command(arguments: list[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `kresnet ARGUMENTS...`."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        try:
            main(arguments)
        except SystemExit as ended:
            return int(ended.code or 0), stdout.getvalue(), stderr.getvalue()
    raise AssertionError("the command line returned instead of exiting")


if __name__ == "__main__":
    sys.meta_path.insert(0, MissingPackages(sys.argv[1].split(",")))
    for command in json.load(sys.stdin):
        print(json.dumps(run_command(command)), flush=True)
