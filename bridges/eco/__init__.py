"""Eco: orders of its Portal, its quote API, their status."""
