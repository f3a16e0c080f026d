"""Studies: several networks trained alike, to answer a question; planned and led without TensorFlow."""
