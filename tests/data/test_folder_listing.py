"""Folders listed without reading their files."""

from kresnet.data.folder_listing import file_size, list_folders, list_image_files
from kresnet.data.passed_over import PassedOverFiles


def test_folders_and_image_files_are_sorted_and_the_rest_is_counted(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).mkdir()
    for name in ("2.PNG", "1.jpg", "notes.txt", ".3.png"):
        (tmp_path / "a" / name).write_bytes(b"four")
    (tmp_path / "a" / "gone.png").symlink_to("nowhere")
    (tmp_path / "a" / "folder.png").mkdir()
    passed_over = PassedOverFiles(tmp_path)
    assert list_folders(tmp_path) == ["a", "b"]
    assert list_folders(tmp_path / "c") == []
    assert list_image_files(tmp_path / "a", passed_over) == [("1.jpg", 4), ("2.PNG", 4), ("gone.png", -1)]
    assert {reason: count for reason, (count, _) in passed_over.counts.items()} == {
        "files ending in .txt": 1,
        "hidden files and folders": 1,
    }
    assert file_size(tmp_path / "a" / "1.jpg") == 4
