"""`plugin check`: good plugins pass, and every probe can fail."""

import json
import os
import subprocess
import time
import xml.etree.ElementTree

import harness
from test_check_guests import BROKEN
from test_plugins import FOLDER, compile_fixture
from test_services import compile_desk

# An argument's mark that is no header's name (rule C5), as a text of C.
MARKED = '{"type":"object","properties":{"how":{"type":"string","x-mcp-header":"no name"}},"additionalProperties":false}'
WRONG_MARK = '-DFIXTURE_ECHO="' + MARKED.replace('"', '\\"') + '"'

# What each makes the C fixture do wrong, and the probe that must notice.
WRONGS = [
    ("-DTWO_EXPORTS", "file.form"),
    ("-DNO_MANIFEST", "file.form"),
    ('-DMANIFEST_RUNTIME="swift-shared:9.9"', "file.form"),
    ("-DFIXTURE_LEVEL=7", "file.form"),
    ("-DCHOSEN_LEVEL=7", "entry.tables"),
    ("-DIMPORTS", "file.imports"),
    ("-DTRUSTS_THE_HOST", "entry.null"),
    ("-DTRUSTS_THE_HOST", "entry.future"),
    ("-DNO_LIFECYCLE", "entry.tables"),
    ("-DNULL_FUNCTION", "entry.tables"),
    ("-DREFUSE", "entry.tables"),
    ("-DANSWERS_ANYTHING", "interface.unknown"),
    ("-DMOVES_TABLES", "interface.stable"),
    ("-DCLAIMS_A_NAME", "entry.twice"),
    ("-DBAD_CATALOGUE", "catalogue.form"),
    ('-DFIXTURE_PATH="/admin/x"', "catalogue.form"),
    (WRONG_MARK, "catalogue.form"),
    ('-DFIXTURE_MONEY="false"', "catalogue.derived"),
    ('-DMANIFEST_VERSION="9.9.9"', "catalogue.manifest"),
    ('-DMANIFEST_ID="other"', "catalogue.manifest"),
    ("-DUNSTABLE", "catalogue.stable"),
    ('-DFIXTURE_NEEDS="/other"', "catalogue.needs"),
    ("-DCRASHES_ON_SETTINGS", "configure.rubbish"),
    ("-DPRINTS", "configure.rubbish"),
    ("-DFAIL_SELFTEST", "selftest.passes"),
    ("-DBAD_PLAN", "operation.form"),
    ("-DBAD_RENDERING", "operation.form"),
    ("-DCRASH", "operation.form"),
    ("-DHUGE_PLAN", "operation.form"),
    ("-DIMPURE", "operation.pure"),
    ("-DCALLS_HOST", "operation.pure"),
    ("-DKEEPS_ARGUMENTS", "operation.pure"),
    ("-DKNOWS_ITS_PLACE", "operation.generations"),
    ("-DREFUSES_RUBBISH", "operation.rubbish"),
    ("-DCRASHES_ON_RUBBISH", "operation.rubbish"),
    ("-DTRUSTS_INPUT", "operation.input"),
    ("-DANY_INDEX", "operation.index"),
    ("-DIGNORES_SINK", "operation.limit"),
    ("-DSLOW", "operation.time"),
    ("-DLEAKS", "operation.memory"),
    ("-DREADS_PAST_THE_END", "memory.borrowed"),
    ("-DKEEPS_ARGUMENTS", "memory.borrowed"),
    ("-DSTATIC_PLAN", "operation.interleaved"),
    ("-DSTATIC_ANSWER", "function.interleaved"),
    ("-DWANTS_STACK", "worker.stack"),
    ("-DTWICE", "function.examples"),
    ("-DNEVER", "function.examples"),
    ("-DBAD_OUTPUT", "function.examples"),
    ("-DSLOW_INVOKE", "function.prompt"),
    ("-DDROPS", "function.many"),
    ("-DANY_TOOL", "function.index"),
    ("-DCRASHES_ON_ARGUMENTS", "function.rubbish"),
]


DESK_WRONGS = [
    ("-DGIVES_UP", "services.failing"),
    ("-DTWICE_LATER", "services.later"),
    ("-DFORGETS_TIMERS", "timer.fire"),
    ("-DBAD_PROMPT", "context.form"),
    ("-DIMPURE_RESOURCE", "context.pure"),
    ("-DANY_RESOURCE", "context.index"),
]


def check(library, *arguments):
    done = subprocess.run(
        [harness.PROGRAM, "plugin", "check", library, "--json", *arguments], capture_output=True, text=True
    )
    report = json.loads(done.stdout)
    assert report["passed"] == (done.returncode == 0), done
    return report


def failed(report):
    return {probe["probe"]: probe for probe in report["probes"] if not probe["passed"]}


def test_plugin_check_passes_what_breaks_no_rule():
    libraries = [os.path.join(harness.ROOT, ".build/debug", name) for name in ("libSTKPush.so", "libB2C.so")]
    libraries += [compile_fixture("1.0.0", "-DCLEAN"), compile_desk()]
    examples = os.path.join(harness.ROOT, ".build/examples")
    libraries += [os.path.join(examples, name) for name in sorted(os.listdir(examples))]
    assert len(libraries) >= 6
    for library in libraries:
        started = time.monotonic()
        report = check(library)
        assert report["passed"] and len(report["probes"]) == 52, failed(report)
        print(f"     {os.path.basename(library)}: {time.monotonic() - started:.1f} s", flush=True)


def test_a_probe_that_had_nothing_to_try_says_so():
    nothing = {p["probe"]: p["nothing"] for p in check(compile_fixture("1.0.0", "-DCLEAN"))["probes"] if "nothing" in p}
    context = {"context." + name for name in ("form", "pure", "index", "clock", "memory", "elsewhere")}
    # Its function tool always says the same, so no two calls could be mistaken for each other.
    unseen = {"operation.recorded", "operation.mutated", "function.interleaved"}
    assert set(nothing) == {"timer.fire"} | context | unseen, nothing
    assert nothing["timer.fire"] == "nothing to try, because it needs no timers", nothing
    hello = check(os.path.join(harness.ROOT, ".build/examples/hello-c.so"))["probes"]
    assert all("nothing" in p for p in hello if p["probe"].startswith("operation.")), hello


def test_every_probe_of_plugin_check_can_fail():
    probes = {probe["probe"] for probe in check(compile_fixture("1.0.0", "-DCLEAN"))["probes"]}
    # What does not open is refused before any other probe means anything.
    assert probes - {probe for _, probe in WRONGS + DESK_WRONGS} - {case[0] for case in BROKEN} == {"file.opens"}
    for flag, probe in DESK_WRONGS:
        report = check(compile_desk(flag), "--only", probe)
        assert probe in failed(report), (flag, report)
    for flag, probe in WRONGS:
        clean = () if flag == "-DIMPORTS" else ("-DCLEAN",)
        report = check(compile_fixture("1.0.0", *clean, flag), "--only", probe)
        assert probe in failed(report), (flag, report)
        assert failed(report)[probe]["rule"] and failed(report)[probe]["problem"], report
    broken = os.path.join(FOLDER, "broken.so")
    with open(compile_fixture("1.0.0", "-DCLEAN"), "rb") as file, open(broken, "wb") as out:
        out.write(file.read()[:4096])
    assert "file.opens" in failed(check(broken))


def test_plugin_check_says_of_what_is_no_library_only_that():
    with open(compile_fixture("1.0.0", "-DCLEAN"), "rb") as file:
        good = file.read()
    foreign, narrow = bytearray(good), bytearray(good)
    foreign[18], narrow[4] = 0xB7, 1
    for bytes_ in (b"", b"a text\n", good[:64], good[:3000], bytes(foreign), bytes(narrow), b"x" + good):
        odd = os.path.join(FOLDER, "odd.so")
        with open(odd, "wb") as out:
            out.write(bytes_)
        report = check(odd)
        tried = {probe["probe"] for probe in report["probes"] if probe["tried"]}
        assert tried == {"file.form", "file.imports", "file.opens"}, tried
        assert {"file.form", "file.opens"} <= set(failed(report)) and len(report["probes"]) == 52, report
        assert all("file.opens failed" in p["problem"] for p in report["probes"] if not p["tried"]), report
    told = subprocess.run([harness.PROGRAM, "plugin", "check", FOLDER], capture_output=True, text=True)
    assert told.returncode != 0 and "cannot be read" in told.stderr, told


def test_plugin_check_ends_within_half_a_minute_whatever_the_library_does():
    for flag, why in (("-DLOOPS_AT_ENTRY", "entry.tables failed"), ("-DLOOP", "25 s had passed")):
        junit = os.path.join(FOLDER, "junit.xml")
        report = check(compile_fixture("1.0.0", "-DCLEAN", flag), "--junit", junit)
        assert any("did not end within" in probe["problem"] for probe in failed(report).values()), report
        assert any(why in probe["problem"] for probe in report["probes"] if not probe["tried"]), report
        untried = [probe for probe in report["probes"] if not probe["tried"]]
        suite = xml.etree.ElementTree.parse(junit).getroot()
        assert untried and suite.get("skipped") == str(len(untried)) == str(len(suite.findall("testcase/skipped")))


def test_plugin_check_tells_what_it_was_asked_wrongly():
    library = compile_fixture("1.0.0", "-DCLEAN")
    for arguments, told in [
        (["--only", "operations"], "there are file.form, "), (["--junit", "/nowhere/x.xml"], "--junit: the file /nowhere"),
        (["--seed", "-1"], "'--seed"),
    ]:
        done = subprocess.run([harness.PROGRAM, "plugin", "check", library, *arguments], capture_output=True, text=True)
        assert done.returncode != 0 and told in done.stderr, done


def test_plugin_check_repeats_a_seed_and_writes_junit():
    library = compile_fixture("1.0.0", "-DCLEAN", "-DREFUSES_RUBBISH")
    report = os.path.join(FOLDER, "junit.xml")
    first = check(library, "--seed", "7", "--only", "operation.rubbish", "--junit", report)
    again = check(library, "--seed", "7", "--only", "operation.rubbish")
    assert first["seed"] == "7" and failed(first)["operation.rubbish"]["problem"] == failed(again)["operation.rubbish"]["problem"]
    suite = xml.etree.ElementTree.parse(report).getroot()
    assert suite.get("failures") == "1" and "status 10" in suite.find("testcase/failure").get("message")
    text = subprocess.run([harness.PROGRAM, "plugin", "check", library], capture_output=True, text=True)
    assert text.returncode == 1 and "rule P2" in text.stdout and "50 of 52 probes passed" in text.stdout, text.stdout
