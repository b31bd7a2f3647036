"""Models that others trained: where they come from, where they are kept."""
