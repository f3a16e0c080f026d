"""Training: one step, one loop, one function that sets a run up. Importing most of its modules imports TensorFlow."""
