"""Measuring colourings against the truth, always beside the trivial baselines."""
