"""The loop over steps and epochs: schedule, monitors, checkpoints, progress, and the moments where it may stop."""
