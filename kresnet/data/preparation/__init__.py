"""Writes data of any kind once into shards, which are then read by position: the work of `kresnet prepare`."""
