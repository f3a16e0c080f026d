"""Files of the same contents, whatever they are called."""

from kresnet.data.survey.copies import LabelledFile, find_copies


def test_copies_are_found_by_contents(tmp_path):
    long = b"same beginning" * 1000
    contents = {
        "a": b"one",
        "b": b"one",
        "c": b"two",
        "d": long + b"1",
        "e": long + b"2",
        "f": long + b"1",
        "g": b"one",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    split = {"f": "test"}
    files = [
        LabelledFile(n, tmp_path / n, "y" if n == "g" else "x", split.get(n, "train")) for n in [*contents, "gone"]
    ]
    found = find_copies(files)
    assert found.groups == (("a", "b", "g"), ("d", "f"))
    assert (found.count, found.compared) == (3, 8)
    assert found.contradictory == (("a", "b", "g"),)
    assert found.across == (("d", "f"),)
    assert found.as_dict()["copies"] == 3
