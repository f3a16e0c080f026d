"""Several devices and several workers as one run: cluster, rendezvous, collectives between workers, strategy, precision."""
