"""Across: deposits, gasless orders, prices, refunds."""
