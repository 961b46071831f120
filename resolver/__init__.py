"""Finds the recipient, the sender's balances, and the plan that pays."""
