"""Signers: keystores, recovery phrases and hardware wallets."""
