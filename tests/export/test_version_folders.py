"""A version folder appears whole or not at all: full disk, refused writes, and kills."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import pytest

from kresnet.errors import KresnetError
from kresnet.export import manifest
from kresnet.export.manifest import Manifest
from kresnet.export.reference_outputs import ReferenceOutputs
from kresnet.export.saved_model import ExportOptions, export_model
from kresnet.export.version_folders import StagedVersion, list_versions, stage_version
from tests.command import ForkedCommand
from tests.export.networks import CLASS_NAMES, spec_of


@contextmanager
def _file_limit(size: int) -> Iterator[None]:
    """Files may not grow beyond `size` bytes, as on a disk with no more room (EFBIG; Python ignores SIGXFSZ)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1024, 30_000], ids=["weights", "graph"])
def test_a_full_disk_leaves_nothing(size: int, model: keras.Model, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with _file_limit(size), pytest.raises(KresnetError) as caught:
        export_model(model, spec_of(), CLASS_NAMES, models)
    assert [problem.code for problem in caught.value.problems] == ["disk_full"]
    assert "another disk with -o" in str(caught.value)
    assert not models.exists()


def test_no_room_for_the_reference_outputs_leaves_the_older_version(
    model: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(_reference: ReferenceOutputs, _path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "tiny" / "1").mkdir(parents=True)
    monkeypatch.setattr(ReferenceOutputs, "save", save)
    with pytest.raises(KresnetError, match="disk_full"):
        export_model(model, spec_of(), CLASS_NAMES, tmp_path)
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["1"]


@pytest.mark.parametrize("models", ["a_file", "a_file/models"])
def test_where_nothing_can_be_written_is_told(models: str, tmp_path: Path) -> None:
    (tmp_path / "a_file").write_text("")
    with pytest.raises(KresnetError) as caught, stage_version(tmp_path / models / "tiny", None):
        pytest.fail("there is no such directory")
    assert [problem.code for problem in caught.value.problems] == ["not_writable"]
    assert "a_file" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_directory_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(KresnetError, match="Permission denied"), stage_version(tmp_path / "tiny", None):
        pytest.fail("the directory is read-only")


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(staged: StagedVersion) -> None:
        (staged.directory / "saved_model.pb").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), stage_version(tmp_path / "models" / "tiny", 7) as staged:
        interrupted(staged)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with stage_version(tmp_path, None) as staged:
        (tmp_path / "1").mkdir()
        with pytest.raises(KresnetError, match="output_exists"):
            staged.publish()
    assert list((tmp_path / "1").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_two_exports_at_once_take_turns(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from kresnet.export.version_folders import stage_version\n"
        "with stage_version(Path(sys.argv[1]), None) as staged:\n"
        "    time.sleep(0.3); (staged.directory / 'saved_model.pb').write_text('whole'); staged.publish()"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert sorted(list_versions(tmp_path)) == [1, 2, 3]
    assert all((path / "saved_model.pb").exists() for path in tmp_path.iterdir())


def test_a_kill_leaves_nothing_that_a_server_would_load_and_the_next_export_tidies(
    model: keras.Model, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from kresnet.export.saved_model import export_model; from tests.export.networks import *\n"
        "export_model(network(), spec_of(), CLASS_NAMES, Path(sys.argv[1]))"
    )
    base = tmp_path / "tiny"
    root = Path(__file__).parents[2]
    process = ForkedCommand.of_program(program, tmp_path, cwd=root)
    while process.poll() is None and not list(base.glob(".export-*/variables")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert list_versions(base) == {}
    assert len(list(base.iterdir())) == 1
    assert export_model(model, spec_of(), CLASS_NAMES, tmp_path, ExportOptions(signatures=())).version == 1
    assert list(list_versions(base)) == [1]
    assert not list(base.glob(".*"))


@pytest.mark.slow
def test_fifty_kills_at_random_moments_leave_nothing_or_the_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.export.killed_exports", str(tmp_path), "50", "9"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    whole, *kills = map(json.loads, done.stdout.splitlines())
    assert whole["status"] == 0
    assert len(kills) == 50
    published, stages = 0, 0
    for kill in kills:
        base = Path(kill["models"]) / "tiny"
        found = list_versions(base) if base.is_dir() else {}
        for version in found.values():
            assert manifest.file_digests(version) == Manifest.load(version).digests
            assert json.loads((version / manifest.PROOF).read_text())["passed"]
        published += len(found)
        stages += bool(list(base.glob(".export-*")))
    assert stages > 10, "kills that came while something was half written"
    assert sum(kill["status"] == signal.SIGKILL for kill in kills) > 25


@pytest.mark.slow
@pytest.mark.parametrize("size", [2**power for power in range(9, 18)])
def test_however_full_the_disk_nothing_or_the_whole_is_there(size: int, model: keras.Model, tmp_path: Path) -> None:
    with _file_limit(size), contextlib.suppress(KresnetError):
        export_model(model, spec_of(), CLASS_NAMES, tmp_path / "models")
    found = list_versions(tmp_path / "models" / "tiny") if (tmp_path / "models" / "tiny").exists() else {}
    for version in found.values():
        assert manifest.file_digests(version) == Manifest.load(version).digests
    assert not list(tmp_path.rglob(".export-*"))
