"""Plugins of the tests, compiled from C, and the command that changes what a gateway runs."""

import functools
import json
import os
import subprocess
import tempfile

import harness
from harness import http


@functools.cache
def libraries():
    """The folder of what this process compiles."""
    return tempfile.mkdtemp(prefix="libraries-")


def compile_library(library, source, *flags):
    """Compiles a source of Tests/Fixtures/Plugins; answers the library's path."""
    command = ["cc", "-std=gnu99", "-D_GNU_SOURCE", "-shared", "-fPIC", "-fvisibility=hidden", "-o", library, *flags]
    sources = [f"-I{harness.ROOT}/Sources/PluginAPI/include", f"{harness.ROOT}/Tests/Fixtures/Plugins/{source}"]
    subprocess.run(command + sources, check=True)
    return library


def compile_fixture(version="1.0.0", *flags):
    """The C fixture as a library of this version."""
    library = os.path.join(libraries(), f"fixture-{version}-{abs(hash(flags))}.so")
    return compile_library(library, "fixture.c", f'-DFIXTURE_VERSION="{version}"', *flags)


def compile_desk(*flags):
    """The plugin that asks its host for every service."""
    return compile_library(os.path.join(libraries(), f"desk-{abs(hash(flags))}.so"), "desk.c", *flags)


def compile_shelf(*flags):
    """The plugin of what is read and may ask first."""
    return compile_library(os.path.join(libraries(), f"shelf-{abs(hash(flags))}.so"), "shelf.c", *flags)


def operator(gateway):
    """The environment of an operator's commands."""
    return {
        "PATH": os.environ["PATH"],
        "GATEWAY_MANAGEMENT_URL": gateway.dev["management_url"],
        "GATEWAY_OPERATOR_TOKEN_FILE": gateway.dev["operator_token_file"],
    }


def plugin(gateway, *arguments, fails=False):
    """`mpesa-gateway plugin …` against a gateway; answers what it printed."""
    command = [harness.PROGRAM, "plugin", *arguments]
    done = subprocess.run(command, env=operator(gateway), capture_output=True, text=True)
    assert (done.returncode != 0) == fails, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stderr if fails else done.stdout


def install(gateway, library, *arguments, **more):
    """Without trying it first: these fixtures are here to do wrong."""
    return plugin(gateway, "install", library, "--grant-needs", "--unchecked", *arguments, **more)


def install_desk(gateway, library, entry, *arguments):
    """The desk with an entry as plugins.json would have it; answers the command that ended."""
    handle, path = tempfile.mkstemp(prefix="entry-", suffix=".json")
    with os.fdopen(handle, "w") as file:
        json.dump({"id": "desk", "source": "desk.so", **entry}, file)
    command = [harness.PROGRAM, "plugin", "install", library, "--entry", path, "--unchecked", *arguments]
    return subprocess.run(command, env=operator(gateway), capture_output=True, text=True)


def report(gateway, name="stk-push"):
    """What the management listener says of a plugin."""
    plugins = http("GET", gateway.dev["management_url"] + "/plugins")[2]["plugins"]
    return next(p for p in plugins if p["id"] == name)


def check(library, *arguments):
    """What `plugin check` reports of a library."""
    command = [harness.PROGRAM, "plugin", "check", library, "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["passed"] == (done.returncode == 0), done
    return report


def failed(report):
    """The probes that did not pass, by name."""
    return {probe["probe"]: probe for probe in report["probes"] if not probe["passed"]}


def make(folder, *words):
    """Makes a plugin as its folder says; those in Swift in one build folder, with what Scripts/examples has compiled."""
    environment = {**os.environ, "SWIFTPM_BUILD_DIR": os.path.join(harness.ROOT, ".build/swift-examples")}
    command = ["make", "-s", "-C", folder, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def greets(gateway, tool):
    """Whether a tool greets whoever is named, as the examples and the templates do."""
    for name in ["Amina", "Zoë \"the\" O'Hara\\", "a\ttab", "😀 kasuku", "</script>"]:
        status, _, answer = gateway.call("POST", f"/tools/{tool}", {"name": name})
        assert status == 200 and answer["data"] == {"greeting": f"Karibu, {name}!"}, answer
    status, _, problem = gateway.call("POST", f"/tools/{tool}", {"nam": "x"})
    assert status == 422 and problem["errors"][0]["pointer"], problem
