"""What a user gets who installs the wheel, built from the sdist, in an environment without the repository."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

import kresnet
from kresnet.pages.lessons import lessons
from kresnet.runtime import EXTRAS

ROOT = Path(__file__).resolve().parents[1]


def run(*command, **options) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=540, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel and the sdist that `make dist` would make."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, ROOT)
    run(sys.executable, "-m", "twine", "check", "--strict", *directory.iterdir())
    (wheel,), (sdist,) = directory.glob("*.whl"), directory.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def contents(dist) -> set[str]:
    return set(zipfile.ZipFile(dist[0]).namelist())


def test_all_shipped_documents_are_inside(contents):
    for path in (ROOT / "specs").rglob("*.yaml"):
        assert f"kresnet/specs/{path.relative_to(ROOT / 'specs')}" in contents
    assert {f"kresnet/lessons/{lesson.page.name}" for lesson in lessons()} <= contents


def test_the_embedded_images_come_with_their_licence(contents):
    assert {"kresnet/data/embedded/fashion_mnist.npz.xz", "kresnet/data/embedded/LICENSE"} <= contents
    licences = {name.partition("licenses/")[2] for name in contents if "licenses/" in name}
    assert licences == {"LICENSE", "kresnet/data/embedded/LICENSE", "kresnet/pages/assets/codemirror.LICENSES.txt"}


def test_type_checkers_may_read_it(contents):
    assert "kresnet/py.typed" in contents


def test_type_checkers_are_told_that_there_are_types(contents):
    assert "kresnet/py.typed" in contents


def test_the_pages_templates_are_inside(contents):
    for folder in ("kresnet/report/templates", "kresnet/pages/templates", "kresnet/pages/assets"):
        assert {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()} <= contents


def test_nothing_of_the_development_tree_is_inside(contents):
    assert all(name.startswith("kresnet") for name in contents)
    assert not any("__pycache__" in name for name in contents)


def test_the_sdist_holds_what_it_is_built_tested_and_documented_from(dist):
    with tarfile.open(dist[1]) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    wanted = {
        "kresnet",
        "specs",
        "tests",
        "docs",
        "benchmarks",
        "pyproject.toml",
        "constraints.txt",
        "Makefile",
        "LICENSE",
    }
    assert wanted <= tops
    assert not tops & {".venv", "build", "dist", "runs", "demo"}


@pytest.fixture(scope="module", params=["borrowed", pytest.param("own", marks=pytest.mark.slow)])
def environment(request, dist, tmp_path_factory) -> Path:
    """A virtual environment with the wheel; its dependencies are borrowed from this one, or (slow) its own."""
    directory = tmp_path_factory.mktemp(request.param)
    venv.create(directory, with_pip=request.param == "own")
    python = directory / "bin" / "python"
    if request.param == "own":
        run(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", dist[0])
        return directory
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", dist[0])
    (packages,) = directory.glob("lib/*/site-packages")
    # A .pth within that folder is not followed, so that an editable install of kresnet there stays out of sight.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return directory


@pytest.fixture
def installed(environment, tmp_path):
    """Runs a command of the environment in an empty directory, and returns its stdout."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def call(program, *arguments) -> str:
        return run(environment / "bin" / program, *arguments, cwd=tmp_path, env=clean)

    where = call("python", "-c", "import kresnet; print(kresnet.__file__)").strip()
    assert Path(where).is_relative_to(environment)
    return call


def test_the_commands_run_from_any_directory(installed, tmp_path):
    assert installed("kresnet", "--version").strip() == f"kresnet {kresnet.__version__}"
    assert len(json.loads(installed("kresnet", "specs", "--json"))["specs"]) == len(
        list((ROOT / "specs").glob("*.yaml"))
    )
    assert "50 weighted layers" in installed("kresnet", "plan", "resnet50")
    built = json.loads(installed("kresnet", "build", "quickstart", "--json"))
    assert set(built["files"]) == {path.name for path in (tmp_path / "quickstart").iterdir()}
    assert (tmp_path / "quickstart" / "model.keras").stat().st_size > 4 * built["parameters"]["total"]


def test_the_wheel_offers_the_extras_and_asks_for_none_of_them(dist):
    wheel = zipfile.ZipFile(dist[0])
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    lines = wheel.read(metadata).decode().splitlines()
    offered = {line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra: ")}
    assert offered == {*EXTRAS, "all", "gpu", "dev"}
    required = {line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line}
    packages = {package for modules in EXTRAS.values() for package in modules.values()}
    assert not [line for line in required if re.match(r"Requires-Dist: ([\w-]+)", line)[1] in packages]


def test_a_plain_install_says_how_to_serve(installed, environment, tmp_path):
    """In the environment that holds nothing but what the wheel asks for (slow)."""
    if not environment.name.startswith("own"):
        pytest.skip("the packages borrowed from this environment are all there")
    done = subprocess.run(
        [environment / "bin" / "kresnet", "serve", tmp_path, "--backend", "embedded"],
        text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'kresnet[serving]'" in done.stderr


def test_all_that_is_pinned_installs_on_the_oldest_python_that_is_admitted():
    admitted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = next(each.version for each in SpecifierSet(admitted) if each.operator == ">=") + ".0"
    wanting = {each.metadata["Name"]: each.metadata.get("Requires-Python") for each in distributions()}
    assert not {name: wants for name, wants in wanting.items() if not SpecifierSet(wants or "").contains(oldest)}


def test_one_version_is_stated_everywhere(dist):
    assert f"kresnet-{kresnet.__version__}" in dist[0].name
    headings = re.findall(r"^## (\S+?),? ", (ROOT / "docs/CHANGELOG.md").read_text() + "\n", re.MULTILINE)
    assert headings[0] == kresnet.__version__
    citation = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == kresnet.__version__


def test_a_release_needs_no_secret_and_says_where_its_files_come_from():
    """The workflow of a tag, which nothing here can run: no job may write more than it must."""
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    workflow = YAML(typ="safe").load(text)
    assert "secrets." not in text
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert [jobs[name].get("needs") for name in ("build", "try", "publish")] == [None, "build", "try"]
    assert jobs["build"]["permissions"] == {"contents": "read", "id-token": "write", "attestations": "write"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["classifiers"]
    supported = [each.rpartition(" ")[2] for each in classifiers if re.search(r":: 3\.\d+$", each)]
    assert jobs["try"]["strategy"]["matrix"]["python-version"] == supported
    uses = [step["uses"].partition("@")[0] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert {"actions/attest-build-provenance", "pypa/gh-action-pypi-publish"} <= set(uses)
