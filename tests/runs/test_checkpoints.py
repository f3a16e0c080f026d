import contextlib
import hashlib
import json

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.runs.checkpoints import Checkpoint, CheckpointStore


def checkpoint(step: int) -> Checkpoint:
    arrays = {"00000": np.arange(12, dtype=np.float32).reshape(3, 4) + step, "00001": np.int64(step)}
    return Checkpoint(step, arrays, {"seconds": 1.5 * step})


@pytest.fixture
def store(tmp_path):
    (tmp_path / "run").mkdir()
    return CheckpointStore(tmp_path / "run" / "checkpoints", keep_last=2)


def test_what_is_saved_comes_back(store):
    store.save(checkpoint(7))
    latest, damaged = store.latest()
    assert damaged == []
    assert latest.step == 7
    assert latest.facts == {"seconds": 10.5}
    assert {name: value.tolist() for name, value in latest.arrays.items()} == {
        name: value.tolist() for name, value in checkpoint(7).arrays.items()
    }


def test_only_the_last_are_kept(store):
    for step in (1, 2, 3):
        store.save(checkpoint(step))
    assert sorted(path.name for path in store.directory.iterdir()) == ["step-00000002", "step-00000003"]


def test_another_format_is_refused_by_name(store, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr("kresnet.runs.checkpoints.CHECKPOINT_FORMAT", 1)
        store.save(checkpoint(1))
    latest, damaged = store.latest()
    assert latest is None
    assert "format 1" in damaged[0].reason


def test_no_checkpoint_is_no_error(store):
    assert store.latest() == (None, [])


@pytest.mark.parametrize("part", range(20))
def test_a_truncated_state_is_skipped_and_named(store, part):
    store.save(checkpoint(1))
    state = store.save(checkpoint(2)) / "state.npz"
    data = state.read_bytes()
    state.write_bytes(data[: len(data) * part // 20])
    latest, damaged = store.latest()
    assert latest.step == 1
    assert "step-00000002" in str(damaged[0])
    assert "state.npz" in damaged[0].reason


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["state.npz", "manifest.json"])
def test_a_flipped_bit_is_found(store, name, seed):
    """In the manifest it may fall on white space, and change nothing that is said."""
    store.save(checkpoint(1))
    path = store.save(checkpoint(2)) / name
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    path.write_bytes(data)
    latest, damaged = store.latest()
    if latest.step == 2:
        assert name == "manifest.json"
        assert latest.facts == checkpoint(2).facts
    else:
        assert len(damaged) == 1


def test_what_is_damaged_is_moved_aside_and_its_step_can_be_saved_again(store):
    store.save(checkpoint(1))
    for number in range(3):
        (store.save(checkpoint(2)) / "state.npz").write_bytes(b"")
        _, damaged = store.latest()
        aside = store.set_aside(damaged[0])
        assert aside.path.name == "damaged-step-00000002" + ("" if number == 0 else f"-{number + 1}")
        assert store.latest()[0].step == 1
    store.save(checkpoint(2))
    assert store.latest()[0].step == 2
    assert store.steps() == [1, 2]


@pytest.mark.parametrize("call", ["replace", "rmtree"])
def test_a_step_saved_again_is_never_away(store, monkeypatch, call):
    """The same step again, killed at each renaming and deletion: one of the two is always there and valid."""
    import pathlib
    import shutil

    class Killed(BaseException):
        pass

    for fatal in range(6):
        store.save(checkpoint(5))
        place = pathlib.Path if call == "replace" else shutil
        original, calls = getattr(place, call), []

        def killed(*args, original=original, calls=calls, fatal=fatal, **options):
            calls.append(args)
            if len(calls) > fatal:
                raise Killed
            return original(*args, **options)

        with monkeypatch.context() as patched:
            patched.setattr(place, call, killed)
            with contextlib.suppress(Killed):
                store.save(checkpoint(5))
        latest, damaged = store.latest()
        assert (latest.step, damaged) == (5, [])


def test_going_back_drops_what_came_later(store):
    for step in (1, 2):
        store.save(checkpoint(step))
    store.drop_after(1)
    assert store.latest()[0].step == 1
    assert store.read_step(2) is None
    assert store.read_step(1).facts == checkpoint(1).facts


def test_what_is_to_be_kept_stays_however_old(store):
    store.save(checkpoint(1))
    for step in (2, 3, 4):
        store.save(checkpoint(step), keep={1})
    assert store.steps() == [1, 3, 4]


def test_a_run_that_is_gone_is_not_made_anew(store):
    store.directory.parent.rmdir()
    with pytest.raises(KresnetError) as error:
        store.save(checkpoint(1))
    assert error.value.problems[0].code == "not_writable"
    assert not store.directory.parent.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"step": 2, "sha256": 1, "facts": {}}'])
def test_a_manifest_that_is_not_one_is_skipped(store, text):
    store.save(checkpoint(1))
    (store.save(checkpoint(2)) / "manifest.json").write_text(text)
    latest, damaged = store.latest()
    assert latest.step == 1
    assert len(damaged) == 1


def test_a_missing_manifest_means_half_written(store):
    store.save(checkpoint(1))
    (store.save(checkpoint(2)) / "manifest.json").unlink()
    assert store.latest()[0].step == 1


def test_a_step_can_be_saved_again_over_a_damaged_one(store):
    path = store.save(checkpoint(1))
    (path / "state.npz").write_bytes(b"")
    store.save(checkpoint(1))
    assert store.latest()[0].step == 1
    assert store.steps() == [1]


def test_what_a_killed_save_left_behind_is_cleared(store):
    left_over = store.directory / ".step-00000001.123.tmp"
    left_over.mkdir(parents=True)
    (left_over / "state.npz").write_bytes(b"half")
    assert store.latest() == (None, [])
    store.save(checkpoint(2))
    assert not left_over.exists()


def test_a_full_disk_is_told_and_costs_no_earlier_checkpoint(store, monkeypatch):
    store.save(checkpoint(1))

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(KresnetError) as error:
        store.save(checkpoint(2))
    assert error.value.problems[0].code == "disk_full"
    assert [path.name for path in store.directory.iterdir()] == ["step-00000001"]
    assert store.latest()[0].step == 1


def test_the_manifest_is_readable_json(store):
    manifest = json.loads((store.save(checkpoint(3)) / "manifest.json").read_text())
    assert manifest["step"] == 3
    state = store.directory / "step-00000003" / "state.npz"
    expected = {"bytes": state.stat().st_size, "sha256": hashlib.sha256(state.read_bytes()).hexdigest()}
    assert manifest["files"] == {"state.npz": expected}
