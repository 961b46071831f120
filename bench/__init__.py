"""Measurements of l2send beside other ways to the same answer. Not installed with it."""
