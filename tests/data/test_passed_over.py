"""What lies beside images and is not read is counted by the reason."""

from kresnet.data.passed_over import PassedOverFiles


def test_each_reason_is_counted_with_an_example(tmp_path):
    cat = tmp_path / "cat"
    (cat / "2024" / "june").mkdir(parents=True)
    for name in ("b.TIF", "a.tif", "README", ".hidden.png", "2024/june/1.png", "2024/2.png"):
        (cat / name).touch()
    (tmp_path / "list.csv").touch()
    (tmp_path / ".cache").mkdir()
    passed_over = PassedOverFiles(tmp_path)
    passed_over.add_beside_classes()
    for path in cat.iterdir():
        passed_over.add(path)
    assert passed_over.counts == {
        "files beside the class folders": (1, "list.csv"),
        "hidden files and folders": (2, ".cache"),
        "files ending in .tif": (2, "cat/a.tif"),
        "files without an ending": (1, "cat/README"),
        "files in sub-folders": (2, "cat/2024/2.png"),
    }


def test_names_that_are_no_text_are_escaped(tmp_path):
    passed_over = PassedOverFiles(tmp_path)
    passed_over.add(tmp_path / "caf\udce9.tif")
    assert passed_over.counts == {"files ending in .tif": (1, r"caf\xe9.tif")}
