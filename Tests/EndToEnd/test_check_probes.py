"""`plugin check`: every probe can fail."""

import os

import pytest

from guests import BROKEN
from plugins import check, compile_desk, compile_fixture, compile_shelf, failed

pytestmark = pytest.mark.long

# An argument's mark that is no header's name (rule C5), as a text of C.
MARKED = '{"type":"object","properties":{"how":{"type":"string","x-mcp-header":"no name"}},"additionalProperties":false}'
WRONG_MARK = '-DFIXTURE_ECHO="' + MARKED.replace('"', '\\"') + '"'

# What each makes the C fixture do wrong, and the probe that must notice.
WRONGS = [
    ("-DTWO_EXPORTS", "file.form"),
    ("-DNO_MANIFEST", "file.form"),
    ("-DMANIFEST_FLAGS=1", "file.form"),
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
    ('-DFIXTURE_DIRECTION="reverse"', "operation.form"),
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
    ("-DASKS_AGAIN", "function.tasks"),
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


SHELF_WRONGS = [
    ("-DTWICE", "asking.form"),
    ("-DBAD_PROMPT", "asking.form"),
    ("-DBAD_RESOURCE", "asking.form"),
    ("-DASKS_UNTOLD", "asking.form"),
    ("-DSLOW_START", "asking.returns"),
    ("-DANY_INDEX", "asking.index"),
    ("-DTOO_MANY", "completion.form"),
    ("-DHIDES", "completion.form"),
    ("-DCOMPLETION_ASKS", "completion.form"),
]


def test_every_probe_of_plugin_check_can_fail(folder):
    probes = {probe["probe"] for probe in check(compile_fixture("1.0.0", "-DCLEAN"))["probes"]}
    # What does not open is refused before any other probe means anything.
    assert probes - {probe for _, probe in WRONGS + DESK_WRONGS + SHELF_WRONGS} - {case[0] for case in BROKEN} == {"file.opens"}
    for flag, probe in DESK_WRONGS:
        report = check(compile_desk(flag), "--only", probe)
        assert probe in failed(report), (flag, report)
    for flag, probe in SHELF_WRONGS:
        report = check(compile_shelf(flag), "--only", probe)
        assert probe in failed(report), (flag, report)
    for flag, probe in WRONGS:
        clean = () if flag == "-DIMPORTS" else ("-DCLEAN",)
        report = check(compile_fixture("1.0.0", *clean, flag), "--only", probe)
        assert probe in failed(report), (flag, report)
        assert failed(report)[probe]["rule"] and failed(report)[probe]["problem"], report
    broken = os.path.join(folder, "broken.so")
    with open(compile_fixture("1.0.0", "-DCLEAN"), "rb") as file, open(broken, "wb") as out:
        out.write(file.read()[:4096])
    assert "file.opens" in failed(check(broken))
