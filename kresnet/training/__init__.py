"""Training: one step, one loop, one function that sets a run up. Importing its modules imports TensorFlow."""
