"""Networks and exports that are checked."""

from __future__ import annotations

import pytest

import kresnet


def test_batch_norms_of_a_network_and_of_a_run_are_checked(whole):
    report = kresnet.check_batch_norm(whole, batch=8)
    assert report.passed
    assert len(report.norms) == sum(record.kind == "norm" for record in whole.network.plan().records)
    assert str(whole.directory.model) in report.conditions.provenance[0]
    assert report.as_dict()["passed"] is True
    with pytest.raises(kresnet.KresnetError, match="no batch norm"):
        kresnet.check_batch_norm(whole.network.override({"norm": {"kind": "none"}}), recipe=whole.recipe)


def test_gradients_of_two_networks_are_measured_drawn_and_written(whole, tmp_path):
    residual, plain = (
        kresnet.check_gradients(network, recipe=whole.recipe, batch=8)
        for network in (whole.network, whole.network.override({"block.shortcut": "none", "name": "plain"}))
    )
    assert residual.flow.blocks[0].identity is not None
    assert plain.flow.blocks[0].identity is None
    assert len(residual.plot(plain).axes) == 4
    residual.save(tmp_path / "figures", plain)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "gradients.json",
        "gradients.png",
        "gradients.svg",
    ]
    with pytest.raises(kresnet.KresnetError, match="already exists"):
        residual.save(tmp_path / "figures")


def test_an_export_that_is_none_cannot_be_checked(tmp_path):
    with pytest.raises(kresnet.KresnetError) as caught:
        kresnet.check_export(tmp_path)
    assert caught.value.problems[0].code == "model_unreadable"


def test_a_device_is_checked_by_parts(tmp_path):
    with pytest.raises(kresnet.KresnetError, match="no part"):
        kresnet.check_device(parts=["devises"], output=tmp_path / "report")
    assert not (tmp_path / "report").exists()
