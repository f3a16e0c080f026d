"""Networks that a user names, opened: a run's, a file's, an export's."""

from __future__ import annotations

import pytest

import kresnet
from kresnet.api.stored_networks import ExportedNetwork, load_predictor, open_network, open_trained
from kresnet.errors import KresnetError


def test_a_run_and_its_file_are_the_same_network(whole):
    for name in (whole, whole.path, whole.directory.model):
        assert open_trained(name, None, None).plan.records == whole.network.plan().records
    network = open_network(whole.path, classes=["dark", "grey", "bright"])
    assert load_predictor(network).class_names == ("dark", "grey", "bright")


def test_an_export_has_its_own_spec_and_class_names(whole, tmp_path):
    path = kresnet.export_model(whole, tmp_path / "models", signatures=(), progress=False).path
    network = open_network(path.parent)
    assert isinstance(network, ExportedNetwork)
    assert (network.path, network.spec) == (path, whole.network.spec)
    with pytest.raises(KresnetError, match="leave --best, --spec and --classes out"):
        open_network(path, best=True)
