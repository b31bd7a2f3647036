"""Pure functions on volumes."""
