"""A run's history: read past a line that a kill cut short, and cut back to what a checkpoint knows."""

from kresnet.runs.history_file import HistoryFile


def test_history_is_appended_read_and_cut_back_to_a_step(tmp_path):
    history = HistoryFile(tmp_path / "history.jsonl")
    assert history.lines() == []
    for step in (5, 10, 15):
        history.append({"step": step, **({"epoch": step // 10} if step == 10 else {})})
    with history.path.open("a") as file:
        file.write('{"step": 20, "epo')  # as a kill leaves it
    assert [line["step"] for line in history.lines()] == [5, 10, 15]
    assert history.epochs() == [{"step": 10, "epoch": 1}]
    history.truncate(10, 1)
    assert history.path.read_text() == '{"step": 5}\n{"step": 10, "epoch": 1}\n'
    history.truncate(10, 0)  # saved before the epoch was evaluated, which is done again
    assert history.path.read_text() == '{"step": 5}\n'
