"""`l2send devnet`: its commands are in devnet/commands.py."""

from l2send.devnet.commands import app

__all__ = ["app"]
