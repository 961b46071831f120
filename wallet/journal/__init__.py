"""What happened: the payments, and every byte that was signed for them."""
