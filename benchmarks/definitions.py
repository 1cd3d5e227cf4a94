"""How long the code location takes to load, against a bare `import dagster`, and what it drags in.

    python benchmarks/definitions.py [--rounds N] [--json]

The budget is 1.5 times the bare import plus half a second, and none of the heavy libraries. See README.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from functools import partial

from _common import interleaved, print_json, print_table

HEAVY = ("torch", "cv2", "pandas", "matplotlib", "ultralytics", "onnxruntime")
"""Libraries that are imported inside the function that needs them, never by loading the definitions."""
BUDGET_RATIO, BUDGET_EXTRA_S = 1.5, 0.5

PROGRAM = """
import json, sys, time
started = time.perf_counter()
import {module}
took = time.perf_counter() - started
print(json.dumps([took, [name for name in {heavy} if name in sys.modules]]))
"""


def load(module: str) -> tuple[float, list[str]]:
    """Seconds that a fresh interpreter takes to import `module`, and the heavy libraries it then has."""
    program = PROGRAM.format(module=module, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    took, heavy = json.loads(done.stdout.splitlines()[-1])
    return took, heavy


def seconds_to_load(module: str) -> float:
    """Seconds that a fresh interpreter takes to import `module`."""
    return load(module)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="fresh interpreters of each kind; medians are printed")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    chosen = parser.parse_args()
    _, heavy = load("fotmate_assets.definitions")  # also writes the bytecode that both kinds then find
    modules = {"bare_dagster_s": "dagster", "definitions_s": "fotmate_assets.definitions"}
    taken = interleaved({name: partial(seconds_to_load, module) for name, module in modules.items()}, chosen.rounds)
    bare, definitions = taken["bare_dagster_s"], taken["definitions_s"]
    budget = BUDGET_RATIO * bare + BUDGET_EXTRA_S
    values = {
        "bare_dagster_s": bare,
        "definitions_s": definitions,
        "ratio": definitions / bare,
        "budget_s": budget,
        "over_budget_s": max(0.0, definitions - budget),
        "heavy_modules": heavy,
        "rounds": chosen.rounds,
    }
    print_table(
        "Loading the definitions in a fresh interpreter",
        ("import", "seconds", "bare = 1"),
        [
            ("dagster", f"{bare:.2f}", "1.00"),
            ("fotmate_assets.definitions", f"{definitions:.2f}", f"{definitions / bare:.2f}"),
            ("budget: 1.5 times bare + 0.5 s", f"{budget:.2f}", f"{budget / bare:.2f}"),
        ],
        [f"Heavy libraries loaded: {', '.join(heavy) or 'none'}. Medians of {chosen.rounds} interleaved rounds."],
    )
    if chosen.json:
        print_json(values)


if __name__ == "__main__":
    main()
