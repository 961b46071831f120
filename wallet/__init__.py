"""The safe: keystores, the journal, and the only code that signs and broadcasts."""
