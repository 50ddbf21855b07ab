"""`python -m bench.error_rates`: repeats each trial and prints how often it passed beside what was promised."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.error_rates.listing import TRIALS, chosen
from bench.error_rates.table import summary, table
from bench.error_rates.trial import BLOCK, Outcome
from bench.machine import look

EXAMPLES = 5_000


def main() -> int:
    given = _arguments()
    places = chosen(given.words)
    if given.examples < BLOCK or not places:
        wrong = "no trial has such a word in its name" if not places else f"--examples must be at least {BLOCK}"
        print(f"error: {wrong}; --list shows the trials", file=sys.stderr)
        return 2
    if given.list:
        print("\n".join(TRIALS[place].key for place in places))
        return 0
    machine = look(Path.cwd())
    outcomes = measured(places, given.examples, given.seed, given.processes or machine.cores)
    print(f"{table(outcomes)}\n\n{summary(outcomes)}\n\nseed {given.seed}; {machine.in_one_line}")
    return 0


def measured(places: list[int], examples: int, seed: int, processes: int) -> list[Outcome]:
    """Blocks of examples, each with randomness of its own, so that the number of processes changes no figure."""
    blocks = [(place, seed, number) for place in places for number in range(TRIALS[place].examples(examples) // BLOCK)]
    # What takes longest is begun first, that no process is left alone with it at the end.
    blocks.sort(key=lambda block: -TRIALS[block[0]].rows)
    passes: Counter[int] = Counter()
    with ProcessPoolExecutor(processes) as pool:
        for at, (place, passed) in enumerate(pool.map(_block, blocks, chunksize=4), 1):
            passes[place] += passed
            if sys.stderr.isatty():
                print(f"\r{at} of {len(blocks)} blocks", end="", file=sys.stderr, flush=True)
    return [Outcome(TRIALS[place], passes[place], TRIALS[place].examples(examples)) for place in places]


def _block(block: tuple[int, int, int]) -> tuple[int, int]:
    place, seed, number = block
    return place, TRIALS[place].block(seed, number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.error_rates",
        description="Measure the errors and the power of the tests that gates use, against what they promise.",
        epilog="Exit code: 0, whatever was found; 2 for a wrong argument.",
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="trials with one in their name (default: all)")
    parser.add_argument(
        "--examples",
        type=int,
        default=EXAMPLES,
        metavar="N",
        help="of the cheapest trials; dear ones get less",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=0, help="default: one for each core")
    parser.add_argument("--list", action="store_true", help="name the trials and leave")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
