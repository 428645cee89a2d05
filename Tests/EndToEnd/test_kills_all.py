"""All the kills: not a part of the suite, for `Scripts/kills` alone."""

import collections
import os

import pytest

import harness
import kills
from test_postgres import database

COUNT = int(os.environ.get("GATEWAY_KILLS", "0"))
# So many in one folder and database at most; fewer where its lives ask for much.
PORTION = 46
pytestmark = [
    pytest.mark.isolations("declared"), pytest.mark.skipif(not COUNT, reason="run by Scripts/kills"),
    # A thousand take more than an hour; each wait within ends by itself.
    pytest.mark.timeout(0),
]


def portion(simulator, environment, count, seed, tally):
    """Some of the kills, from an empty store to its judgement; their tally is added. Answers how many lives there were."""
    trial = kills.Trial(simulator, environment, seed)
    try:
        lives = trial.run(count, first=tally.lives)
        moved = trial.judge()
    finally:
        trial.remove()
    tally.hits.update(trial.hits)
    tally.missed.update(trial.missed)
    tally.moved += moved
    tally.given_back += trial.given_back
    tally.tried_again += trial.tried_again
    tally.lives += lives
    return lives


class Tally:
    def __init__(self):
        self.hits, self.missed, self.moved, self.given_back = collections.Counter(), collections.Counter(), 0, 0
        self.lives = self.tried_again = 0


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_every_point_is_hit_and_nothing_is_lost_or_doubled(simulator, postgres, store):
    tally, left = Tally(), COUNT // 2
    while left > 0:
        environment = database(postgres, f"kills{left}") if store == "postgresql" else None
        try:
            done = portion(simulator, environment, min(left, PORTION), harness.SEED + left, tally)
        except AssertionError as error:
            raise AssertionError(f"{store}, seed {harness.SEED + left}, after {sum(tally.hits.values())}: {error}") from error
        left -= done
        print(f"{store}: {left} of {COUNT // 2} left", flush=True)
    print(store, kills.table(tally), sep="\n")
    print(f"{sum(tally.hits.values())} kills, {tally.moved} movements of money, each once, and {tally.given_back} KES back")
    print(f"{tally.tried_again} rows of batches were tried again once there was money")
    if COUNT // 2 >= len(kills.POINTS) * kills.HITS_MIN:
        assert min(tally.hits[point] for point in kills.POINTS) >= kills.HITS_MIN, tally.hits
