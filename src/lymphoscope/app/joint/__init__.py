"""Runs that draw lesions and foretell an outcome, compared on the same patients."""
