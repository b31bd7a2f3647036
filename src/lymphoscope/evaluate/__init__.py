"""Numbers from pairs: a prediction beside its reference."""
