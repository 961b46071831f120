"""The journal: every payment, and every byte that was signed for it."""
