"""The reading page: a server of cases, on loopback unless told otherwise."""
