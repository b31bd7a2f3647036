"""The real nnU-Net, in an installation of its own: train, predict, and the tables of its cross-validation."""
