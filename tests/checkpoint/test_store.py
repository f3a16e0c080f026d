import json

import numpy as np
import pytest

from kresnet.checkpoint import Checkpoint, CheckpointStore
from kresnet.errors import KresnetError


def checkpoint(step: int) -> Checkpoint:
    arrays = {"00000": np.arange(12, dtype=np.float32).reshape(3, 4) + step, "00001": np.int64(step)}
    return Checkpoint(step, arrays, {"seconds": 1.5 * step})


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "checkpoints", keep_last=2)


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
    assert "step-00000002" in damaged[0]


@pytest.mark.parametrize("seed", range(10))
def test_a_flipped_bit_is_found(store, seed):
    store.save(checkpoint(1))
    state = store.save(checkpoint(2)) / "state.npz"
    data = bytearray(state.read_bytes())
    data[np.random.default_rng(seed).integers(len(data))] ^= 1
    state.write_bytes(data)
    assert store.latest()[0].step == 1


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
    assert len(manifest["sha256"]) == 64
