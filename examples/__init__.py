"""Whole programs, each of which can be run."""
