"""Files of weights: what they hold, read without running anything in them."""
