"""Tables that list examples: CSV, TSV, JSON lines and Parquet. Read by pyarrow, column by column; no TensorFlow."""
