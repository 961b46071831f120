"""Hyperlane7683: orders of its router, the route between two routers, refunds by message."""
