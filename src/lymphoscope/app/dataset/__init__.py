"""From a hospital's tree to a data set to train on."""
