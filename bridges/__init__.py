"""Moves: one file a way to move money, each behind the protocol in `l2send.core.bridge`."""
