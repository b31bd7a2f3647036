"""Cohorts: every study of a folder tree measured, with one table and one page over all of them."""
