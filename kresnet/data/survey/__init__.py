"""What data would be read as, and what is in them: a look at names, tables and headers of files; no TensorFlow."""
