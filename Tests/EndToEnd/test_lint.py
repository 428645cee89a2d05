"""Every check of `make lint` on a fault that is planted in a folder of its own: it passes, fails, or says that it was not run."""

import os
import shutil
import subprocess

import pytest

from harness import ROOT

PASSED, FAILED, NOT_RUN = 0, 1, 3
# What each check looks at, by the check; `make lint` runs these and no others.
LOOKS_AT = {
    "format": [".swift-format"],
    "headers": ["Sources/PluginAPI"],
    "level-1": ["Sources/PluginAPI", "Tests/Compatibility/reference.c", "Tests/Compatibility/level-1.abi"],
    "shell": [],
}
# What each check cannot do without.
NEEDS = {"format": ["swift"], "headers": ["gcc", "g++"], "level-1": ["gcc", "abidiff"], "shell": ["shellcheck"]}
# What each check calls besides.
USED = "env bash dirname basename mktemp rm cat wc find awk".split()


class House:
    """A folder with the checks, and with what one of them looks at."""

    def __init__(self, folder, check):
        self.folder, self.check = folder, check
        for name in ["Scripts/lint", "Scripts/checks", *LOOKS_AT[check]]:
            self.copy(name)
        if check == "format":
            for name in ("Sources/A.swift", "Plugins/A.swift", "Examples/A.swift", "Tests/A.swift", "Package.swift", "Kit/Package.swift"):
                self.write(name, "let a = 1\n")

    def copy(self, name):
        source, target = os.path.join(ROOT, name), os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)

    def edit(self, name, old, new):
        with open(os.path.join(self.folder, name)) as file:
            text = file.read()
        assert text.count(old) >= 1, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def lint(self, *checks, path=None):
        """The status of Scripts/lint, and all that it said."""
        environment = {**os.environ, **({"PATH": path} if path else {})}
        done = subprocess.run(
            [os.path.join(self.folder, "Scripts/lint"), *(checks or [self.check])], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )
        return done.returncode, done.stdout


@pytest.fixture
def house(request, folder):
    return House(folder, request.param)


def path_with(folder, tools):
    """A PATH that has these tools and nothing else."""
    place = os.path.join(folder, "tools")
    os.makedirs(place)
    for tool in tools:
        found = shutil.which(tool)
        assert found, f"{tool} is not there"
        os.symlink(found, os.path.join(place, tool))
    return place


def every(checks):
    return pytest.mark.parametrize("house", checks, indirect=True, ids=checks)


def of(check):
    return pytest.mark.parametrize("house", [check], indirect=True, ids=[check])


def test_make_lint_runs_every_check_that_is_shown_to_fail_here():
    assert sorted(os.listdir(os.path.join(ROOT, "Scripts/checks"))) == sorted(LOOKS_AT)


@every(sorted(LOOKS_AT))
def test_what_is_clean_passes(house):
    status, said = house.lint()
    assert status == PASSED and f"lint: {house.check}: passed" in said, said


@pytest.mark.parametrize(
    "house, tool", [(check, tool) for check in NEEDS for tool in NEEDS[check]], indirect=["house"]
)
def test_a_check_whose_tool_is_missing_says_that_it_was_not_run(house, tool):
    kept = [name for name in NEEDS[house.check] if name != tool]
    status, said = house.lint(path=path_with(house.folder, [*USED, *kept]))
    assert status == NOT_RUN and f"{tool} is not there" in said, said
    assert f"lint: {house.check}: NOT RUN" in said and "lint: ok" not in said, said


@of("format")
def test_a_source_of_another_form_fails(house):
    house.write("Tests/B.swift", "let  b=1\n")
    status, said = house.lint()
    assert status == FAILED and "Tests/B.swift" in said and "lint: format: FAILED" in said, said


@of("format")
def test_a_folder_that_is_not_there_was_not_looked_at(house):
    shutil.rmtree(os.path.join(house.folder, "Plugins"))
    status, said = house.lint()
    assert status == NOT_RUN and "Plugins is not there" in said, said


@of("shell")
@pytest.mark.parametrize("place", ["Scripts/planted", "Examples/planted", ".ci/planted"])
def test_a_script_with_a_fault_fails_wherever_it_stands(house, place):
    house.write(place, "#!/bin/sh\nrm -rf $1/*\n")
    status, said = house.lint()
    assert status == FAILED and f"./{place}" in said, said


@of("shell")
def test_a_script_with_a_fault_among_clean_ones_fails(house):
    for name in ("a", "z"):
        house.write(f"Scripts/{name}", "#!/usr/bin/env bash\ntrue\n")
    house.write("Scripts/m", "#!/usr/bin/env bash\necho $1\n")
    assert house.lint()[0] == FAILED


@of("headers")
@pytest.mark.parametrize("standard", ["c99", "c++17"])
def test_a_header_that_is_not_clean_fails(house, standard):
    guard = "#ifdef __cplusplus\n" if standard == "c++17" else "#ifndef __cplusplus\n"
    house.write("Sources/PluginAPI/include/gateway/planted.h", guard + "static int planted(void) { }\n#endif\n")
    status, said = house.lint()
    assert status == FAILED and "planted.h" in said, said


@of("headers")
def test_a_header_with_padding_fails(house):
    text = "struct gateway_planted {\n    char a;\n    long b;\n};\n"
    house.write("Sources/PluginAPI/include/gateway/planted.h", text)
    status, said = house.lint()
    assert status == FAILED and "padded" in said, said


@of("headers")
def test_a_layout_that_is_not_the_asserted_one_fails(house):
    house.write("Sources/PluginAPI/layout.c", "_Static_assert(sizeof(int) == 5, \"planted\");\n")
    status, said = house.lint()
    assert status == FAILED and "planted" in said, said


@of("headers")
def test_headers_that_grow_beyond_500_lines_fail(house):
    house.write("Sources/PluginAPI/include/gateway/planted.h", "/* planted */\n" * 500 + "typedef int planted_t;\n")
    status, said = house.lint()
    assert status == FAILED and "500 are too many" in said, said


@of("headers")
def test_headers_that_are_not_there_were_not_checked(house):
    shutil.rmtree(os.path.join(house.folder, "Sources/PluginAPI/include/gateway"))
    assert house.lint()[0] == NOT_RUN


@of("level-1")
@pytest.mark.parametrize(
    "old, new",
    [
        ("uint8_t runtime[32];", "uint8_t runtime[16];"),
        ("uint32_t level;", "uint64_t level;"),
        ("uint32_t level;", "uint32_t level_now;"),
        ("uint32_t host_level_min;\n    uint32_t host_level_max;", "uint32_t host_level_max;\n    uint32_t host_level_min;"),
    ],
    ids=["shorter", "wider", "renamed", "swapped"],
)
def test_a_published_part_that_has_changed_fails(house, old, new):
    house.edit("Sources/PluginAPI/include/gateway/plugin.h", old, new)
    status, said = house.lint()
    assert status == FAILED and "has changed; a new shape needs" in said, said


@of("level-1")
def test_a_published_part_that_has_gone_fails(house):
    house.edit("Sources/PluginAPI/include/gateway/plugin.h", "} gateway_negotiation_t;", "} gateway_other_t;")
    assert house.lint()[0] == FAILED


@of("level-1")
def test_a_baseline_that_is_not_there_is_no_change(house):
    os.remove(os.path.join(house.folder, "Tests/Compatibility/level-1.abi"))
    status, said = house.lint()
    assert status == NOT_RUN and "has changed" not in said, said


@of("level-1")
def test_a_baseline_that_cannot_be_read_is_no_change(house):
    house.write("Tests/Compatibility/level-1.abi", "planted")
    status, said = house.lint()
    assert status == NOT_RUN and "could not compare" in said and "has changed" not in said, said


def test_one_that_fails_is_not_hidden_by_one_that_was_not_run(folder):
    house = House(folder, "shell")
    house.write("Scripts/planted", "#!/usr/bin/env bash\necho $1\n")
    status, said = house.lint("shell", "level-1", "none")
    assert status == FAILED, said
    assert "lint: level-1: NOT RUN" in said and "lint: none: NOT RUN" in said, said
