"""Masks drawn elsewhere: DICOM SEG, RTSTRUCT and NIfTI, read onto their grid."""
