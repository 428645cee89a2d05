"""`plugin check` finds every mistake of variants.c: over ten ways to make each kind, by somebody who did not write probes.

A variant is caught when one of the probes that are for its kind names the rule that is broken.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import tempfile

import harness

FOLDER = tempfile.mkdtemp(prefix="variants-")
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


def compile_variants():
    library = os.path.join(FOLDER, "variants.so")
    command = ["cc", "-std=gnu99", "-D_GNU_SOURCE", "-O1", "-w", "-shared", "-fPIC", "-fvisibility=hidden", "-o", library]
    subprocess.run([*command, f"-I{harness.ROOT}/Sources/PluginAPI/include", SOURCES[0]], check=True)
    with open(library, "rb") as file:
        return file.read()


def check(base, name, probes, seconds=6):
    """What the probes find of a variant."""
    library = os.path.join(FOLDER, name + ".so")
    assert base.count(MARK) == 1
    with open(library, "wb") as file:
        file.write(base.replace(MARK, ("variant:" + name).encode().ljust(48, b"\0")))
    command = [harness.PROGRAM, "plugin", "check", library, "--json", "--seed", "1", "--probe-seconds", str(seconds)]
    done = subprocess.run([*command, *(["--only", probes] if probes else [])], capture_output=True, text=True)
    os.remove(library)
    return json.loads(done.stdout)["probes"]


def escapes(base, name):
    """Nothing where the variant is caught; otherwise what was found instead."""
    probes, rules = KINDS[name.split(".")[0]]
    found = [probe for probe in check(base, name, probes, 2 if probes == LOOPS else 6) if not probe["passed"]]
    if any(set(probe["rule"].split(", ")) & set(rules.split()) and probe["tried"] for probe in found):
        return None
    return name, found


def test_every_variant_of_a_mistake_is_found_by_a_probe_of_its_kind():
    base, variants = compile_variants(), names()
    for kind in KINDS:
        assert len([name for name in variants if name.startswith(kind + ".")]) >= 10, kind
    with concurrent.futures.ThreadPoolExecutor(2) as several:
        escaped = [found for found in several.map(lambda name: escapes(base, name), variants) if found]
    for _ in range(TRIES):
        escaped = [found for name, _ in escaped if (found := escapes(base, name))]
    assert not [name for name, _ in escaped if name not in CHANCE], escaped


def test_the_plugin_without_a_mistake_passes():
    found = check(compile_variants(), "none", None)
    assert all(probe["passed"] for probe in found), [probe for probe in found if not probe["passed"]]
