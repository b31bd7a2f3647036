"""Published methods as data."""
