"""Write chains.toml again from the pinned npm packages and the reviewed overlay.

`python -m tools.refresh_chains` needs npm and node, and the network once: tarballs are kept in the cache
folder. The same pins and overlay give the same bytes. `--check` writes nothing and fails on a difference.
"""

from __future__ import annotations

import argparse
import sys
import tomllib

from tools.registry.facts import TOOLS, Refused, fetch, read_facts
from tools.registry.tables import render

TARGET = TOOLS.parent / "chains.toml"


def refuse_repointed(standing: str, new: str) -> None:
    """A short name that people have typed must never come to mean another chain."""
    before = tomllib.loads(standing).get("chains", {})
    for short, entry in tomllib.loads(new)["chains"].items():
        if short in before and before[short]["chain_id"] != entry["chain_id"]:
            raise Refused(f"{short} was chain {before[short]['chain_id']} and would become {entry['chain_id']}")


def main() -> int:
    """Refresh or check chains.toml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if chains.toml would change")
    only_check = parser.parse_args().check
    pins = tomllib.loads((TOOLS / "registry-pins.toml").read_text(encoding="utf-8"))
    overlay = tomllib.loads((TOOLS / "registry-overlay.toml").read_text(encoding="utf-8"))
    standing = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    try:
        text = render(pins, overlay, read_facts({name: fetch(name, pin) for name, pin in pins.items()}))
        refuse_repointed(standing, text)
    except Refused as error:
        print(f"refused, and nothing was written: {error}", file=sys.stderr)
        return 1
    if only_check:
        return int(text != standing)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
