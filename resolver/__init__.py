"""Understands: who is the recipient, what does the sender hold, which plan pays the recipient."""
