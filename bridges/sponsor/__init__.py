"""A transfer that a delegated account signs and a sponsor submits to the chain: see bridge.py."""
