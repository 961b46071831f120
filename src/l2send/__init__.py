"""Send tokens to any Ethereum chain: one command, whether the money is there or must be bridged."""
