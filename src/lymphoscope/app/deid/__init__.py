"""De-identification of a whole tree."""
