"""Finds out who the recipient is, what the sender holds, and which plan pays the recipient."""
