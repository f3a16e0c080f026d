"""Weights that have a name here."""

from __future__ import annotations

from kresnet.weights.pretrained.known_weights import known_weights


def test_every_name_says_what_a_user_chooses_by():
    entries = {entry["name"]: entry for entry in known_weights()}
    assert entries["timm/resnet50.a1_in1k"]["parameters"] == 25_557_032
    assert entries["timm/resnet50.a1_in1k"]["test_input"] == 288
    assert entries["keras/ResNet50V2"]["parameters"] == 25_613_800 - 45_440  # Keras's summary: without statistics
    assert entries["timm/resnet18.fb_ssl_yfcc100m_ft_in1k"]["licence"] == "cc-by-nc-4.0"
    assert all(entry["parameters"] and entry["input"] for entry in entries.values())
    assert not [name for name in entries if "pruned" in name]
