"""Clock, environment, command line: where the rooms are joined."""
