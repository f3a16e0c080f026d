"""`python -m kresnet` is `kresnet`."""

from kresnet.cli.main import main

main()
