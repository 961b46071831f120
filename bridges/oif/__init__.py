"""OIF, the Open Intents Framework: orders of its escrow, how they end."""
