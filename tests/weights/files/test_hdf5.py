"""Keras's files of weights from untrusted hands: no archive is unpacked or inflated, no link followed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.weights.untrusted_files import forged, model_refusal, weights_refusal


def test_members_that_would_lie_elsewhere_are_not_unpacked(honest, plan, tmp_path):
    """Nothing is ever unpacked, so there is no place that a name or a link could lead to."""
    from kresnet.weights.convert import load_model

    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = forged(
        honest, folder / "slip.keras", lambda _: None, **{"../../slipped": b"x", "/tmp/kresnet-slipped": b"x"}
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("assets")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc")
    load_model(path, plan)
    assert [each.name for each in tmp_path.rglob("*")] == ["a", "b", "slip.keras"]
    assert not Path("/tmp/kresnet-slipped").exists()


@pytest.mark.parametrize("name", ["model.weights.h5", "config.json"])
def test_a_member_that_would_expand_enormously_is_not_inflated(name, honest, plan, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for each in ("model.weights.h5", "config.json"):
            new.writestr(each, bytes(200_000_000) if each == name else old.read(each))
    assert path.stat().st_size < 10_000_000
    assert "claims 200,000,000 bytes" in model_refusal(path, plan)


def test_links_of_hdf5_lead_nowhere(plan, tmp_path):
    """A weight that is a link could be any array of any HDF5 file that the reader may read."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((16, 3), np.float32)
    links = {
        "external": h5py.ExternalLink("secret.h5", "/kernel"),
        "soft": h5py.SoftLink("/elsewhere"),
    }
    for name, link in links.items():
        path = tmp_path / f"{name}.weights.h5"
        with h5py.File(path, "w") as file:
            file["elsewhere"] = np.ones((16, 3), np.float32)
            group = file.create_group("layers/dense/vars")
            group.attrs["name"] = "head.logits"
            group["0"] = link
        assert "is a link" in weights_refusal(path, plan)
        legacy = tmp_path / f"{name}.h5"
        with h5py.File(legacy, "w") as file:
            file.attrs["layer_names"] = [b"head.logits"]
            file["head.logits"] = h5py.ExternalLink("secret.h5", "/")
        assert "is a link" in weights_refusal(legacy, plan)


def test_a_dataset_made_of_other_files_is_not_read(plan, tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["kernel"] = np.ones((16, 3), np.float32)
    layout = h5py.VirtualLayout((16, 3), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "kernel", (16, 3))
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "head.logits"
        group.create_virtual_dataset("0", layout)
    assert "in another file" in weights_refusal(path, plan)


def test_a_truncated_hdf5_file_is_refused(plan, tmp_path):
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "head.logits"
        group["0"], group["1"] = np.zeros((16, 3), np.float32), np.zeros(3, np.float32)
    assert "stem.conv/kernel" in weights_refusal(path, plan)
    path.write_bytes(path.read_bytes()[:1500])
    assert "[model_unreadable]" in weights_refusal(path, plan)


def test_data_in_another_file_are_not_followed(plan, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(64))
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "head.logits"
        group.create_dataset("0", (16,), "f4", external=[(str(tmp_path / "secret"), 0, 64)])
    assert "in another file" in weights_refusal(path, plan)
