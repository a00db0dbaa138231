"""The command line: one file per verb; `render/` holds every table and the JSON."""
