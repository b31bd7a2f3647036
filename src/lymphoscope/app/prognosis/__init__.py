"""From a table of patients to a survival analysis: tables, figures, page."""
