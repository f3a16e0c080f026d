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


def test_a_plan_imports_neither_recipes_nor_the_other_verbs_nor_drawings():
    code = (
        "import atexit, sys; from kresnet.cli.main import main;"
        "atexit.register(lambda: print(*(name for name in sys.modules if name.startswith('kresnet.'))));"
        "main(['plan', 'resnet18'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.splitlines()[-1].split())
    assert {"kresnet.cli.describe", "kresnet.spec.architecture"} <= imported
    assert not {"kresnet.spec.recipe", "kresnet.spec.study", "kresnet.cli.train", "kresnet.plan.diagram"} & imported
