"""Eco: orders of its Portal, its quote API, how they end."""
