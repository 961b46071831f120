"""Lists the tests that have just failed, one node id per line: `.ci/run` runs them again, and names them at its end.

python tools/second_try.py >> FILE
"""

from __future__ import annotations

import json
from pathlib import Path

LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


def last_failed(cache: Path = LAST_FAILED) -> list[str]:
    """The node ids that failed in pytest's last run, in order; none where it left no record."""
    return sorted(json.loads(cache.read_text())) if cache.exists() else []


if __name__ == "__main__":
    for test in last_failed():
        print(test)
