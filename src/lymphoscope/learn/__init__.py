"""Training and inference of recipes."""
