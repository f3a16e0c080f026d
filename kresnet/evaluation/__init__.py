"""Metrics and predictions of a trained network over a data set, in all and by class."""
