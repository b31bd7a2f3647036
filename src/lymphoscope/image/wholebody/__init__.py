"""Whole-body phantoms: a patient with organs, disease and physiology, drawn anew for each seed, as PET and CT."""
