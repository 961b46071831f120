"""Who signs: keystores, recovery phrases, devices."""
