"""OIF, the Open Intents Framework: orders of its escrow, their status."""
