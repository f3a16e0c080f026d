"""Verbs and the modules that they are in."""

import subprocess
import sys

import typer

from kresnet.cli.all_verbs import app
from kresnet.cli.main import VERBS, command_line


def test_every_verb_is_found_in_the_module_that_is_imported_for_it():
    known = typer.main.get_command(app).commands
    assert set(known) == set(VERBS)
    for verb in VERBS:
        alone = typer.main.get_command(command_line(verb)).commands
        assert known[verb].help == alone[verb].help
        assert set(alone) == {name for name, module in VERBS.items() if module == VERBS[verb]}


def imported_by(*words: str) -> set[str]:
    """The modules of kresnet that a command imports."""
    code = (
        "import atexit, sys; from kresnet.cli.main import main;"
        "atexit.register(lambda: print(*(name for name in sys.modules if name.startswith('kresnet.'))));"
        f"main({list(words)})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_neither_specs_nor_plans():
    imported = imported_by("--help")
    assert "kresnet.cli.describe" in imported
    assert not {"kresnet.spec.architecture", "kresnet.spec.recipe", "kresnet.plan"} & imported


def test_a_plan_imports_neither_recipes_nor_the_other_verbs_nor_drawings():
    imported = imported_by("plan", "resnet18")
    assert {"kresnet.cli.describe", "kresnet.spec.architecture"} <= imported
    assert not {"kresnet.spec.recipe", "kresnet.spec.study", "kresnet.cli.train", "kresnet.plan.diagram"} & imported
