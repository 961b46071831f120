"""What every room stands on: units, errors, clean text, the registry, JSON-RPC, plans and effects."""
