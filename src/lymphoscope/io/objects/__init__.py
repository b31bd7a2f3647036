"""DICOM objects made from a measured study, for the archive that its images lie in."""
