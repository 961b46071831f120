"""A transfer that a delegated account signs and a sponsor brings to the chain: see bridge.py."""
