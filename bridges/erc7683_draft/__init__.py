"""The current draft of ERC-7683: decodes its orders and describes them."""
