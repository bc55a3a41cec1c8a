"""Figures: one file each, every one a function that returns a matplotlib Figure."""
