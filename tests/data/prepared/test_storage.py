"""Folders of this machine as storages."""

from pathlib import Path

import pytest

from kresnet.data.prepared.manifest import StoredFile
from kresnet.data.prepared.storage import open_storage
from kresnet.errors import KresnetError


def test_a_local_folder_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    storage = open_storage(str(tmp_path))
    assert (storage.remote, str(storage)) == (False, str(tmp_path))
    assert storage.read("a") == b"abc"
    assert storage.local_file(StoredFile("a", 3, "")) == tmp_path / "a"
    assert (storage.local_size("a"), storage.local_size("b")) == (3, None)
    with pytest.raises(KresnetError, match=r"b cannot be read.*data_missing"):
        storage.read("b")
