"""A run on disk: its directory, lock, status, checkpoints, configuration drift. No TensorFlow."""
