"""A run on disk: its directory, lock, status, checkpoints, and how it drifted from what it was begun with. No TensorFlow."""
