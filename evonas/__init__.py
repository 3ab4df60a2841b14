"""Evolutionary multi-objective neural architecture search for microcontrollers."""
