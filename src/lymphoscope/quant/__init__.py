"""Numbers from masks."""
