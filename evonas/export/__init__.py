"""Deployable files of a quantised network: one format a file."""
