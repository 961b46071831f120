"""Measures l2send against other ways to get the same result. Not installed with it."""
