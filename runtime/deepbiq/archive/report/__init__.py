"""The report on an archive: one static page, and a table for spreadsheets."""
