"""Prepared data, as `kresnet prepare` writes them: shards of records, columns beside them, and a manifest of all."""
