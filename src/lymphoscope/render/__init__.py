"""Pictures, pages and tables from a report; computes no number."""
