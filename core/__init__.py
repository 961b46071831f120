"""What all other rooms use: units, errors, clean text, the registry, JSON-RPC, plans and effects."""
