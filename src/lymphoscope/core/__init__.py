"""Words everyone speaks: errors, units, geometry, volumes, studies, measures, shelves, progress."""
