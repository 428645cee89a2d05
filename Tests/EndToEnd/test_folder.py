"""The data folder and what is in it: nobody's but the gateway's."""

import os

from harness import Gateway, phone


def mode(path):
    return os.stat(path).st_mode & 0o777


def test_a_folder_and_a_database_that_others_could_read_are_tightened(folder):
    database = os.path.join(folder, "gateway.db")
    for path in (database, os.path.join(folder, "simulator.jsonl")):
        with open(path, "w"):
            os.chmod(path, 0o644)
    os.chmod(folder, 0o755)
    gateway = Gateway(folder=folder)
    assert gateway.push(phone())[0] == 200
    assert mode(folder) == 0o700, oct(mode(folder))
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not os.path.islink(path):
            assert mode(path) & 0o077 == 0, (name, oct(mode(path)))
    assert os.path.exists(database + "-wal")
    gateway.remove()
