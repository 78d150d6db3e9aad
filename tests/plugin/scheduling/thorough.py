"""As many random runs of the model as one likes: `python -m tests.plugin.scheduling.thorough 20000`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from random import Random

from tests.plugin.scheduling.ledger import Broken, Ledger
from tests.plugin.scheduling.model import Model
from tests.plugin.scheduling.scenarios import random_scenario


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=20_000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--largest", type=int, default=300, help="items of a graph, at most")
    options = parser.parse_args()
    begin, ends, broken = time.perf_counter(), Counter[str](), 0
    deaths = items = 0
    for seed in range(options.first_seed, options.first_seed + options.runs):
        scenario = random_scenario(Random(seed), options.largest)
        ledger = Ledger(scenario)
        try:
            outcome = Model(scenario, ledger).run()
            ledger.check(outcome)
        except Broken as error:
            broken += 1
            print(f"seed {seed}: {error}")
            continue
        ends[outcome.ended] += 1
        deaths += outcome.deaths
        items += len(scenario.ids)
    ended = ", ".join(f"{count} {how}" for how, count in ends.most_common())
    took = time.perf_counter() - begin
    print(f"{options.runs} runs of {items} items with {deaths} deaths in {took:.0f} s: {ended}; {broken} broken")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
