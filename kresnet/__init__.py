"""kresnet: residual networks from a declarative spec, planned, built, trained, exported and proved servable."""

__version__ = "0.1.0"
