"""Ten thousand organizations on a plan of their own, each with a key, written beside a stopped gateway."""

import hashlib
import sqlite3
import uuid

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def crockford(data):
    """Five bits a character, the last filled up with zeros: as keys are written."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return "".join(DIGITS[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


def identifier(data):
    return str(uuid.UUID(bytes=data))


def columns(database, table):
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]


def copy(database, table, row, changes):
    row = {**row, **changes}
    names = ", ".join(row)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def first(database, table, where, values):
    found = database.execute(f"SELECT * FROM {table} WHERE {where}", values).fetchone()
    return dict(zip(columns(database, table), found))


def add(path, key, count):
    """Copies the organization and plan of a key so many times; answers the copies' keys."""
    database = sqlite3.connect(path)
    digest = hashlib.sha256(key.encode()).digest()
    pattern = first(database, "api_keys", "hash = ?", [digest])
    organization = first(database, "organizations", "organization_id = ?", [pattern["organization_id"]])
    plan = first(database, "plans", "name = ?", [organization["plan"]])
    keys = []
    for number in range(count):
        data = [uuid.uuid4().bytes, uuid.uuid4().bytes]
        text = f"mpk_test_{crockford(data[0])}_{crockford(data[1])}_{crockford(bytes(20))}"
        names = {"organization_id": identifier(data[0])}
        copy(database, "plans", plan, {"name": f"plan-{number}"})
        copy(database, "organizations", organization, {**names, "slug": f"many-{number}", "plan": f"plan-{number}"})
        copy(
            database, "api_keys", pattern,
            {**names, "key_id": identifier(data[1]), "hash": hashlib.sha256(text.encode()).digest()},
        )
        keys.append(text)
    database.commit()
    database.close()
    return keys
