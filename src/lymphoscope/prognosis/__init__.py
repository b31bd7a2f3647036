"""What becomes of patients: survival curves, Cox models, cut-offs, validation, clinical scores."""
