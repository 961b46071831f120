"""Keystores, the journal, and all code that signs and broadcasts."""
