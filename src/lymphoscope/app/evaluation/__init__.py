"""Predictions beside references: from folders to tables, pictures and a page."""
