"""De-identification: what leaves no trace of a patient, and keeps every number SUV depends on."""
