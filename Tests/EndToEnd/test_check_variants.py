"""`plugin check` finds every mistake of variants.c: over ten ways to make each kind, by somebody who did not write probes.

A variant is caught when one of the probes that are for its kind names the rule that is broken.
"""

import concurrent.futures
import json
import os
import re
import subprocess

import pytest

import harness
from plugins import compile_library

pytestmark = pytest.mark.long

SOURCES = [f"{harness.ROOT}/Tests/Fixtures/Plugins/{name}" for name in ("variants.c", "variants_of_time.h", "variants_of_input.h")]
MARK = b"variant:none".ljust(48, b"\0")
ANY_INPUT = "operation.form,operation.schema,operation.unusual,operation.recorded,operation.mutated,operation.rubbish,"
ANY_INPUT += "operation.input,function.schema,function.callers"
PURE = "operation.pure,operation.generations,operation.clock,operation.elsewhere,context.clock,context.elsewhere"
# Few, because each takes as long as it may where there is a loop.
LOOPS = "operation.schema,operation.unusual,operation.mutated,function.schema,operation.time,function.prompt"
# The probes of each kind, and the rules that they may name.
KINDS = {
    "kept": ("memory.borrowed", "M1"),
    "buffer": ("operation.interleaved,function.interleaved", "T1"),
    "clock": (PURE, "P1"),
    "crash": (ANY_INPUT, "P2"),
    "loop": (LOOPS, "P2 T1 T2"),
    "leak": ("operation.memory,function.memory,context.memory", "M6"),
    "stack": ("worker.stack", "T1"),
}


# Which processor a call meets, and which of two calls writes first, is the machine's choice: no probe sees it surely.
CHANCE = {"clock.processor", "buffer.sum_that_goes_on"}
# How often a variant is looked at again that was not found: what shows by timing may take another try.
TRIES = 3


def names():
    text = "".join(open(source).read() for source in SOURCES)
    return [".".join(found) for found in re.findall(r"^VARIANT\((\w+), (\w+),", text, re.M)]


def compile_variants(folder):
    library = compile_library(os.path.join(folder, "variants.so"), "variants.c", "-O1", "-w")
    with open(library, "rb") as file:
        return file.read()


def check(folder, base, name, probes, seconds=6):
    """What the probes find of a variant."""
    library = os.path.join(folder, name + ".so")
    assert base.count(MARK) == 1
    with open(library, "wb") as file:
        file.write(base.replace(MARK, ("variant:" + name).encode().ljust(48, b"\0")))
    command = [harness.PROGRAM, "plugin", "check", library, "--json", "--seed", "1", "--probe-seconds", str(seconds)]
    done = subprocess.run([*command, *(["--only", probes] if probes else [])], capture_output=True, text=True)
    os.remove(library)
    return json.loads(done.stdout)["probes"]


def escapes(folder, base, name):
    """Nothing where the variant is caught; otherwise what was found instead."""
    probes, rules = KINDS[name.split(".")[0]]
    found = [probe for probe in check(folder, base, name, probes, 2 if probes == LOOPS else 6) if not probe["passed"]]
    if any(set(probe["rule"].split(", ")) & set(rules.split()) and probe["tried"] for probe in found):
        return None
    return name, found


@pytest.mark.parametrize("kind", KINDS)
def test_every_variant_of_a_mistake_is_found_by_a_probe_of_its_kind(folder, kind):
    base, variants = compile_variants(folder), [name for name in names() if name.startswith(kind + ".")]
    assert len(variants) >= 10
    with concurrent.futures.ThreadPoolExecutor(2) as several:
        escaped = [found for found in several.map(lambda name: escapes(folder, base, name), variants) if found]
    for _ in range(TRIES):
        escaped = [found for name, _ in escaped if (found := escapes(folder, base, name))]
    assert not [name for name, _ in escaped if name not in CHANCE], escaped


def test_every_variant_is_of_a_kind():
    assert {name.split(".")[0] for name in names()} == set(KINDS)


def test_the_plugin_without_a_mistake_passes(folder):
    found = check(folder, compile_variants(folder), "none", None)
    assert all(probe["passed"] for probe in found), [probe for probe in found if not probe["passed"]]
