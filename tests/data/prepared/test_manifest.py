"""The manifest: written and read back, damage and later versions told."""

import json

import pytest

from kresnet.data.prepared.manifest import PreparedManifest, PreparedSplit, Shard, StoredFile
from kresnet.errors import KresnetError

SHARD = Shard("train-00000-of-00001.array_record", 65_536, "ab" * 32, 7, "cd" * 16)
MANIFEST = PreparedManifest(
    "pictures",
    ("cat", "dog"),
    {"kind": "classes", "shape": [], "lowest": 0, "one_hot": False},
    {"train": PreparedSplit((SHARD,), {"targets": StoredFile("t.npy", 156, "ef" * 32)}, (3, 4), {"test": (1, "x")})},
    {"kresnet": "0.2", "identity": {}},
)


def test_it_comes_back_as_it_was():
    text = json.dumps(MANIFEST.as_dict()).encode()
    assert PreparedManifest.from_text(text, "there") == MANIFEST
    assert json.loads(text)["examples"] == {"train": 7}
    assert (MANIFEST.splits["train"].examples, MANIFEST.splits["train"].bytes) == (7, 65_536)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["splits"]["train"]["shards"][0].update(sha256="00" * 32),
        lambda values: values["splits"]["train"]["shards"].clear(),
        lambda values: values.update(class_names=["dog", "cat"]),
        lambda values: values.pop("targets"),
        lambda values: values.update(splits=3),
        lambda values: values["splits"]["train"]["shards"][0].update(unknown=1),
    ],
)
def test_what_was_changed_by_hand_is_refused(change):
    values = json.loads(json.dumps(MANIFEST.as_dict()))
    change(values)
    with pytest.raises(KresnetError, match="damaged, or was changed by hand"):
        PreparedManifest.from_text(json.dumps(values).encode(), "there")


def test_what_a_later_version_wrote_is_told():
    with pytest.raises(KresnetError, match=r"by a later version of kresnet \(9.0\)"):
        PreparedManifest.from_text(json.dumps({"format": 2, "made": {"kresnet": "9.0"}}).encode(), "there")
    for text in (b"", b"[]", b"{", b"\xff"):
        with pytest.raises(KresnetError, match="data_mismatch"):
            PreparedManifest.from_text(text, "there")
