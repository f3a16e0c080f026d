"""The data room: image files, data sets addressed by position, and the batches that training and evaluation read."""
