"""What a fresh process pays until its first score: `python -m deepbiq_benchmarks.cold_start PICTURE OPTIONS`.

OPTIONS are those of `deepbiq.load` as a JSON object. Nothing of deepbiq is imported before the clock runs.
"""

from __future__ import annotations

import json
import sys
from time import perf_counter


def main() -> None:
    """Prints a JSON object: milliseconds of `import deepbiq`, of `load` and of the first score."""
    picture, options = sys.argv[1], json.loads(sys.argv[2])
    start = perf_counter()
    import deepbiq

    imported = perf_counter()
    with deepbiq.load(**options) as scorer:
        loaded = perf_counter()
        scorer(picture)
        scored = perf_counter()
    steps = {"import_ms": imported - start, "load_ms": loaded - imported, "first_score_ms": scored - loaded}
    sys.stdout.write(json.dumps({name: 1000 * seconds for name, seconds in steps.items()}))


if __name__ == "__main__":
    main()
