"""All the kills: not a part of the suite, for `Scripts/kills` alone."""

import os

import pytest

import kills
from test_postgres import database

COUNT = int(os.environ.get("GATEWAY_KILLS", "0"))
pytestmark = [
    pytest.mark.isolations("declared"), pytest.mark.skipif(not COUNT, reason="run by Scripts/kills"),
]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_every_point_is_hit_and_nothing_is_lost_or_doubled(simulator, postgres, store):
    trial = kills.Trial(simulator, database(postgres, "kills") if store == "postgresql" else None)
    try:
        trial.run(COUNT // 2, told=print)
        print(store, kills.table(trial), sep="\n")
        moved = trial.judge()
        print(f"{sum(trial.hits.values())} kills, {moved} movements of money, each once, and {trial.given_back} KES back")
        if COUNT // 2 >= len(kills.POINTS) * kills.HITS_MIN:
            assert min(trial.hits[point] for point in kills.POINTS) >= kills.HITS_MIN, trial.hits
    finally:
        trial.remove()
