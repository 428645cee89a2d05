"""Some twenty of the kills that `Scripts/kills` does by the thousand, on both stores."""

import pytest

import kills
from harness import Simulator
from test_postgres import database

pytestmark = pytest.mark.isolations("declared")

# Those that come by themselves at once; the others need that M-Pesa is asked.
SOON = [point for point in kills.POINTS if "query" not in point]


# On PostgreSQL each waits until the lease of the one before is over.
@pytest.mark.parametrize("store, count", [("sqlite", 16), ("postgresql", 4)], ids=["sqlite", "postgresql"])
def test_a_gateway_that_is_killed_anywhere_loses_and_doubles_nothing(simulator, postgres, store, count):
    environment = database(postgres, "kills") if store == "postgresql" else None
    trial = kills.Trial(simulator, environment)
    points = trial.random.sample(SOON, count)
    try:
        trial.run(len(points), points)
        print(kills.table(trial))
        assert trial.judge() > 0
        print(f"{trial.given_back} KES went back by {len(trial.found_reversals)} reversals, {trial.tried_again} rows were tried again")
    finally:
        trial.remove()


def test_a_trial_says_at_once_that_its_simulator_has_died():
    simulator = Simulator()
    trial = kills.Trial(simulator)
    simulator.kill()
    try:
        for step in (lambda: trial.run(1000, SOON), trial.judge):
            with pytest.raises(AssertionError, match="the simulator ended"):
                step()
        assert not trial.hits and not trial.missed
    finally:
        trial.remove()
