"""Several devices and several workers as one run: cluster, rendezvous, worker groups, strategy, precision."""
