"""`l2send devnet`: the room devnet brings its own commands."""

from l2send.devnet.commands import app

__all__ = ["app"]
