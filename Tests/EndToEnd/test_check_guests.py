"""`plugin check` and what only shows with other arguments, other clocks, other messages: a small plugin, broken in one
place each time, and the probe that must notice."""

import concurrent.futures
import json
import subprocess

import harness
from guests import BROKEN, compile_guest
from harness import Gateway
from plugins import plugin, report


def check(library, *arguments):
    command = [harness.PROGRAM, "plugin", "check", library, "--json", "--seed", "1", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True).stdout)["probes"]


def problem(case):
    """What the probe says of a broken guest; empty when it says nothing."""
    probe, *places = case
    return next(found.get("problem", "") for found in check(compile_guest(*places), "--only", probe))


def test_what_only_shows_with_other_arguments_clocks_and_messages_is_found():
    with concurrent.futures.ThreadPoolExecutor(2) as several:
        missed = [case for case, said in zip(BROKEN, several.map(problem, BROKEN)) if not said]
    assert not missed, missed


def test_what_was_tried_last_is_told_of_what_does_not_come_back():
    crash = problem(("function.schema", "IN_INVOKE", "if (!has(arguments, \"count\")) abort();"))
    assert "signal 6" in crash and 'guest_say with {"text":"x"}' in crash, crash
    loop = problem(("operation.schema", "IN_PREPARE", "while (number_of(input, \"amount\") == 1 && !never_set) {}"))
    assert "did not end" in loop and '"amount":1,' in loop, loop


def test_a_guest_that_breaks_nothing_passes_with_every_probe_tried_that_can_be():
    probes = check(compile_guest())
    assert all(probe["passed"] for probe in probes), [probe for probe in probes if not probe["passed"]]
    asking = {"asking.form", "asking.index", "asking.returns", "completion.form"}
    nothing = {"timer.fire", "selftest.passes", "function.tasks"} | asking
    assert {p["probe"] for p in probes if "nothing" in p} == nothing, probes


def test_a_later_revision_beside_todays_is_no_fault():
    probes = check(compile_guest("LATER_ID", '"operation/2"'), "--only", "interface")
    assert all(probe["passed"] for probe in probes), probes


def test_recordings_that_are_none_are_told_by_their_place():
    wrong = '"{\\"title\\":\\"Paid\\",\\"source\\":{\\"type\\":\\"callback\\",\\"name\\":\\"other\\"},\\"body\\":{},\\"not_mine\\":true}"'
    said = problem(("operation.recorded", "RECORDED", wrong))
    assert "operations/0/x-examples/0/source/name" in said, said
    quiet = problem(("operation.mutated", "RECORDED", wrong.replace("other", "result").replace('\\"not_mine\\":true', '\\"evidence\\":{\\"verdict\\":\\"succeeded\\"}'), "IN_INTERPRET", "paid = 1;"))
    assert "rests on nothing" in quiet, quiet
    nothing = {p["probe"]: p["nothing"] for p in check(compile_guest("RECORDED", '""')) if "nothing" in p}
    assert {"operation.recorded", "operation.mutated"} <= set(nothing), nothing


def test_an_install_tries_what_it_installs_in_a_sandbox_unless_told_not_to():
    gateway = Gateway()
    clean = compile_guest()
    assert all(probe["passed"] for probe in check(clean, "--confined")), check(clean, "--confined")
    by_date = compile_guest("IN_PREPARE", "amount += (unsigned)(time(NULL) / 86400 % 97);")
    told = plugin(gateway, "install", by_date, "--grant-needs", fails=True)
    assert "refused by plugin check: operation.clock (rule P1): guest_pay (One) was answered differently" in told, told
    assert "--unchecked" in told and not [p for p in plugin(gateway, "list").splitlines() if p.startswith("guest")], told
    plugin(gateway, "install", clean, "--grant-needs")
    assert report(gateway, "guest")["note"] == "version 1.0.0 was installed and promoted"
    plugin(gateway, "remove", "guest")
    plugin(gateway, "install", by_date, "--grant-needs", "--unchecked")
    assert report(gateway, "guest")["note"] == "version 1.0.0 was installed unchecked and promoted"
    gateway.remove()
