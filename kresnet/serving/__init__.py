"""The embedded server and its client, which speak TF Serving's REST and gRPC."""
