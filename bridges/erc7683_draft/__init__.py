"""The current draft of ERC-7683: its orders, decoded and in words."""
