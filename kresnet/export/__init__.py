"""A SavedModel that TF Serving loads, proved in the C++ runtime before it is published.

`kresnet.export.saved_model.export_model` writes one; `kresnet.export.proof.check_export` proves one, and never
imports TensorFlow's Python.
"""
