"""`python -m kresnet` is `kresnet`, wherever it is started."""

from importlib import import_module

from kresnet.python_processes import forget_working_directory

forget_working_directory()  # before anything is imported that is not Python's own
import_module("kresnet.cli.main").main()
