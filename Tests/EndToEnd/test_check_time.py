"""`plugin check` ends, whatever the library does."""

import os
import xml.etree.ElementTree

import pytest

from plugins import check, compile_fixture, failed

pytestmark = pytest.mark.long


def test_plugin_check_ends_within_half_a_minute_whatever_the_library_does(folder):
    for flag, why in (("-DLOOPS_AT_ENTRY", "entry.tables failed"), ("-DLOOP", "25 s had passed")):
        junit = os.path.join(folder, "junit.xml")
        report = check(compile_fixture("1.0.0", "-DCLEAN", flag), "--junit", junit)
        assert any("did not end within" in probe["problem"] for probe in failed(report).values()), report
        assert any(why in probe["problem"] for probe in report["probes"] if not probe["tried"]), report
        untried = [probe for probe in report["probes"] if not probe["tried"]]
        suite = xml.etree.ElementTree.parse(junit).getroot()
        assert untried and suite.get("skipped") == str(len(untried)) == str(len(suite.findall("testcase/skipped")))
