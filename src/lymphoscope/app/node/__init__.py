"""The DICOM node: studies come in over the network, results go back. receive → store → quiet → queue → run → send."""
