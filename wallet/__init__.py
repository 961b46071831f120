"""Keystores, the journal, and the only code that signs and broadcasts."""
