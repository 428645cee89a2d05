"""`plugin check`: good plugins pass, and what it says of itself."""

import json
import os
import subprocess
import xml.etree.ElementTree

import harness
from plugins import check, compile_desk, compile_fixture, failed


def test_plugin_check_passes_what_breaks_no_rule():
    names = ("libSTKPush.so", "libB2C.so", "libReversal.so", "libReports.so")
    libraries = [os.path.join(harness.ROOT, ".build/debug", name) for name in names]
    libraries += [compile_fixture("1.0.0", "-DCLEAN"), compile_desk()]
    examples = os.path.join(harness.ROOT, ".build/examples")
    libraries += [os.path.join(examples, name) for name in sorted(os.listdir(examples))]
    assert len(libraries) >= 6
    for library in libraries:
        report = check(library)
        assert report["passed"] and len(report["probes"]) == 57, failed(report)


def test_a_probe_that_had_nothing_to_try_says_so():
    nothing = {p["probe"]: p["nothing"] for p in check(compile_fixture("1.0.0", "-DCLEAN"))["probes"] if "nothing" in p}
    context = {"context." + name for name in ("form", "pure", "index", "clock", "memory", "elsewhere")}
    # Its function tool always says the same, so no two calls could be mistaken for each other.
    unseen = {"operation.recorded", "operation.mutated", "function.interleaved", "function.tasks"}
    asking = {"asking.form", "asking.returns", "asking.index", "completion.form"}
    assert set(nothing) == {"timer.fire"} | context | asking | unseen, nothing
    assert nothing["timer.fire"] == "nothing to try, because it needs no timers", nothing
    hello = check(os.path.join(harness.ROOT, ".build/examples/hello-c.so"))["probes"]
    assert all("nothing" in p for p in hello if p["probe"].startswith("operation.")), hello


def test_plugin_check_says_of_what_is_no_library_only_that(folder):
    with open(compile_fixture("1.0.0", "-DCLEAN"), "rb") as file:
        good = file.read()
    foreign, narrow = bytearray(good), bytearray(good)
    foreign[18], narrow[4] = 0xB7, 1
    for bytes_ in (b"", b"a text\n", good[:64], good[:3000], bytes(foreign), bytes(narrow), b"x" + good):
        odd = os.path.join(folder, "odd.so")
        with open(odd, "wb") as out:
            out.write(bytes_)
        report = check(odd)
        tried = {probe["probe"] for probe in report["probes"] if probe["tried"]}
        assert tried == {"file.form", "file.imports", "file.opens"}, tried
        assert {"file.form", "file.opens"} <= set(failed(report)) and len(report["probes"]) == 57, report
        assert all("file.opens failed" in p["problem"] for p in report["probes"] if not p["tried"]), report
    told = subprocess.run([harness.PROGRAM, "plugin", "check", folder], capture_output=True, text=True)
    assert told.returncode != 0 and "cannot be read" in told.stderr, told


def test_plugin_check_tells_what_it_was_asked_wrongly():
    library = compile_fixture("1.0.0", "-DCLEAN")
    for arguments, told in [
        (["--only", "operations"], "there are file.form, "), (["--junit", "/nowhere/x.xml"], "--junit: the file /nowhere"),
        (["--seed", "-1"], "'--seed"),
    ]:
        done = subprocess.run([harness.PROGRAM, "plugin", "check", library, *arguments], capture_output=True, text=True)
        assert done.returncode != 0 and told in done.stderr, done


def test_plugin_check_repeats_a_seed_and_writes_junit(folder):
    library = compile_fixture("1.0.0", "-DCLEAN", "-DREFUSES_RUBBISH")
    report = os.path.join(folder, "junit.xml")
    first = check(library, "--seed", "7", "--only", "operation.rubbish", "--junit", report)
    again = check(library, "--seed", "7", "--only", "operation.rubbish")
    assert first["seed"] == "7" and failed(first)["operation.rubbish"]["problem"] == failed(again)["operation.rubbish"]["problem"]
    suite = xml.etree.ElementTree.parse(report).getroot()
    assert suite.get("failures") == "1" and "status 10" in suite.find("testcase/failure").get("message")
    text = subprocess.run([harness.PROGRAM, "plugin", "check", library], capture_output=True, text=True)
    assert text.returncode == 1 and "rule P2" in text.stdout and "55 of 57 probes passed" in text.stdout, text.stdout


def test_plugin_check_compares_a_library_with_its_entry(folder):
    entries = {"plugins": [{"id": "fixture", "source": compile_fixture("1.0.0", "-DCLEAN"), "grants": {
        "upstreams": {"daraja": ["/collect"]}, "secrets": ["stk_password", "security_credential"]}}]}
    plugins = os.path.join(folder, "plugins.json")

    def declared(*arguments, library=None):
        with open(plugins, "w") as file:
            json.dump(entries, file)
        command = [harness.PROGRAM, "plugin", "check", *([library] if library else []), "--plugins", plugins, *arguments]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True)
        report = json.loads(done.stdout)
        assert report["passed"] == (done.returncode == 0), done
        return {p["probe"]: p for p in report["probes"]}

    # A grant too many is noted, and no mistake.
    found = declared("--only", "file", library=entries["plugins"][0]["source"])
    assert found["declared.load"]["passed"] and found["declared.source"]["passed"], found
    assert "granted, and never asked for: the secret security_credential" in found["declared.load"]["notes"], found
    assert "file.form" in found and set(declared()) == {"declared.fixture"}

    found = declared("--only", "file", library=compile_fixture("1.0.1", "-DCLEAN"))
    assert "is another file" in found["declared.source"]["problem"] and not found["declared.source"]["passed"], found
    entries["plugins"][0]["grants"] = {}
    assert "rule C3" in declared()["declared.fixture"]["problem"]
    entries["plugins"][0]["grant"] = {}
    assert "/plugins/0/grant: not a known setting" in declared()["declared.file"]["problem"]
