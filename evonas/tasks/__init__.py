"""Data sets: one file per family, each loads raw arrays that one function splits."""
