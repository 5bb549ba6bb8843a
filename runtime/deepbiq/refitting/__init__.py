"""Refitting: a new linear head for a bundle, fitted to its user's own ratings with NumPy alone."""
