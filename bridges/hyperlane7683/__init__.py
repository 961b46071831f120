"""Hyperlane7683: orders of its router, the route between two of them, refunds by message."""
