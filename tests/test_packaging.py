"""What a user gets who installs the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def contents(tmp_path_factory) -> set[str]:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = directory.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_all_shipped_documents_are_inside(contents):
    for path in (ROOT / "specs").rglob("*.yaml"):
        assert f"kresnet/specs/{path.relative_to(ROOT / 'specs')}" in contents


def test_the_embedded_images_come_with_their_licence(contents):
    assert {"kresnet/data/embedded/fashion_mnist.npz.xz", "kresnet/data/embedded/LICENSE"} <= contents


def test_nothing_of_the_development_tree_is_inside(contents):
    assert all(name.startswith("kresnet") for name in contents)
    assert not any("__pycache__" in name for name in contents)
