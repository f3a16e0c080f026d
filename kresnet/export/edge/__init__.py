"""Files for other runtimes (LiteRT, ONNX Runtime): written, quantised, and proved in a process that has no TensorFlow.

`kresnet.export.edge.file_export.export_file` is the way in; `file_proof_process` is that process.
"""
