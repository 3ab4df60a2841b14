"""The study: its record, its loop and what comes after the search."""
