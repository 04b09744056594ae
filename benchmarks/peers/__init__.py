"""The programs of the contestants, and what their environments are made of."""
