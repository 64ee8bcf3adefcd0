"""How fast the default world lives: hourly steps of everyone, candidates included, few messages.

Command: python benchmarks/world_speed.py [--users 100000] [--days 28]
Prints seconds, user-steps a second, peak memory, and how often one could have read and written all state arrays
in the same time (the floor for any world that keeps its state in arrays).
Expected: 100,000 users x 28 days under 60 s on two cores.
"""

import argparse
import resource
import time

import numpy as np

from tactful.simulator.protocol import TICK_US, CandidateColumns, SendColumns
from tactful.simulator.world import DefaultWorld, make

SENDS_PER_TICK = 100
"""Few messages, so that the answers' path is in the measurement; the tick's own cost dominates."""


def few_sends(came: CandidateColumns, at_us: int) -> SendColumns:
    """Returns the first candidates of the tick, sent by push at once."""
    m = min(SENDS_PER_TICK, len(came.user))
    return SendColumns(
        user=came.user[:m],
        at_us=np.full(m, at_us),
        channel=np.ones(m, np.int8),
        type=came.type[:m],
        category=came.category[:m],
        quality=came.quality[:m],
        candidate=came.candidate[:m],
        decision=np.arange(m),
    )


def live(world: DefaultWorld, hours: int, from_hour: int = 0) -> int:
    """Lives through some hours and returns the number of engagements."""
    engagements = 0
    for hour in range(from_hour, from_hour + hours):
        at = world.start_us + hour * TICK_US
        sends = few_sends(world.candidates(at, at + TICK_US), at)
        engagements += len(world.respond(sends, at, at + TICK_US).user)
    return engagements


def floor_seconds(world: DefaultWorld, rounds: int = 50) -> float:
    """Returns the time of one read and write of every state array, mean of `rounds`."""
    arrays = [a.copy() for a in vars(world.truth().state).values()]
    begins = time.perf_counter()
    for _ in range(rounds):
        for array in arrays:
            np.add(array, 0, out=array, casting="unsafe")
    return (time.perf_counter() - begins) / rounds


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=28)
    args = parser.parse_args()
    live(make(seed=1, n_users=100), 2)  # compile, or load what was compiled before

    begins = time.perf_counter()
    world = make(seed=1, n_users=args.users)
    made = time.perf_counter()
    hours = args.days * 24
    engagements = live(world, hours)
    seconds = time.perf_counter() - made
    step, floor = seconds / hours, floor_seconds(world)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(f"make       {made - begins:8.2f} s")
    print(f"live       {seconds:8.2f} s for {args.users:,} users x {args.days} days, {engagements:,} engagements")
    print(f"speed      {args.users * hours / seconds:12,.0f} user-steps/s, {step * 1e3:.2f} ms a step")
    print(f"state      {floor * 1e3:8.3f} ms to read and write it once; a step costs {step / floor:.0f} times that")
    print(f"memory     {peak_mib:8.0f} MiB at the peak")


if __name__ == "__main__":
    main()
