"""Reading a spec, by name or by path, runs nothing, opens nothing but documents, and reaches no network.

Python's own audit events (PEP 578) are the witness: a hook sees every `open`, `exec`, socket and process.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from kresnet.spec import library

# The first reading builds pydantic's validators, and imports; from then on every event counts.
WATCHED = """
import json, sys
from kresnet.errors import KresnetError
from kresnet.plan import plan_loaded
from kresnet.spec import library
from kresnet.spec.loading import load_recipe, load_spec

def read(names, recipes):
    for name in names:
        try:
            plan_loaded(load_spec(name))
        except KresnetError:
            pass
    for name in recipes:
        try:
            load_recipe(name)
        except KresnetError:
            pass

read(["resnet50"], ["quickstart"])
events = []
HARMLESS = ("object.__getattr__", "sys._getframe", "builtins.id", "os.listdir", "os.scandir", "glob.glob", "gc.")

def watch(event, arguments):
    if not event.startswith(HARMLESS):
        events.append([event, str(arguments[0]) if arguments else "", str(arguments[1:2])])

sys.addaudithook(watch)
read(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
print(json.dumps(list(events)))
"""


def events(specs: list[str], recipes: list[str], **options: object) -> list[list[str]]:
    """What the interpreter did while the documents were read."""
    command = [sys.executable, "-c", WATCHED, json.dumps(specs), json.dumps(recipes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, **options)  # type: ignore[call-overload]
    return json.loads(done.stdout)


def test_shipped_documents_are_only_opened():
    seen = events(list(library.shipped_names()), list(library.shipped_names("recipes")))
    assert {event for event, *_ in seen} == {"open"}
    assert {path.rpartition(".")[2] for _, path, _ in seen} == {"yaml"}
    assert all("r" in mode for *_, mode in seen)


HOSTILE = {
    "tag.yaml": "name: !!python/object/apply:os.system [touch sprung]\n",
    "module.yaml": "extends: resnet18\nactivation: os.system\nblock: {kind: __import__}\n",
    "network.yaml": "extends: http://127.0.0.1:9/base.yaml\n",
    "outside.yaml": "extends: ../outside/secret.yaml\n",
    "absolute.yaml": "extends: /etc/passwd\n",
    "recipe.yaml": "extends: quickstart\ndata: {kind: tfds, name: 'http://127.0.0.1:9/x', data_dir: 'gs://bucket'}\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_document_is_only_opened_itself(name, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.yaml").write_text("extends: resnet18\n")
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / name).write_text(HOSTILE[name])
    paths = [str(folder / name)]
    seen = events(*([], paths) if name == "recipe.yaml" else (paths, []), cwd=tmp_path)
    shipped = str(library.shipped_directory())
    assert {event for event, *_ in seen} == {"open"}
    # Where a kind is unknown, what the installed packages say of themselves is read; none of them is imported.
    installed = (*filter(None, sys.path), shipped)
    assert {path for _, path, _ in seen if not path.startswith(installed)} == set(paths)
    assert not (tmp_path / "sprung").exists()
