"""What a tracker need not do costs nothing."""

from __future__ import annotations

from kresnet.training.loop.trackers.run_tracker import RunTracker, TrackedRun


class Least(RunTracker):
    def begin(self, run, known):
        return {"name": run.name}

    def log(self, metrics, step, epoch):
        pass


def test_a_tracker_begins_and_logs_and_may_leave_the_rest(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    tracker = Least()
    assert tracker.begin(TrackedRun(tmp_path.relative_to(tmp_path), {}, 0, 0), {}) == {"name": "mine"}
    tracker.add_file(tmp_path)
    tracker.roll_back(1, 0)
    tracker.end(finished=True)
    assert not tracker.within_run
