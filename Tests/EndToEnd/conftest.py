"""What every end-to-end test may ask for: a gateway, a simulator, a folder, PostgreSQL; and how the tests are run."""

import os
import re
import subprocess
import tempfile

import pytest

pytest.register_assert_rewrite("guests", "harness", "houses", "plugins")

import harness  # noqa: E402
from xdist.scheduler import LoadFileScheduling  # noqa: E402

RESULTS = os.path.join(harness.ROOT, ".build", "test-results", "end-to-end.xml")
# How much of a program's output is shown beside a failure, at most.
LINES_SHOWN = 80


def pytest_addoption(parser):
    parser.addoption("--isolation", choices=["in-process", "worker", "sandbox"], help="every plugin runs in this mode")
    parser.addoption("--file", action="append", metavar="NAME", help="only the tests of test_NAME.py")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.xmlpath = config.option.xmlpath or RESULTS


def pytest_report_header():
    return f"seed {harness.SEED} (GATEWAY_TEST_SEED)"


def pytest_xdist_auto_num_workers():
    """One more than there are processors: much of a test is waiting."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_xdist_make_scheduler(config, log):
    return ByFileAndMode(config, log)


class ByFileAndMode(LoadFileScheduling):
    """One process runs a file's tests; the same file in another isolation shares nothing with it."""

    def _split_scope(self, nodeid):
        mode = re.search(r"\[.*\b(declared|in-process|worker|sandbox)\b", nodeid)
        return super()._split_scope(nodeid) + (mode.group(1) if mode else "")


def pytest_generate_tests(metafunc):
    chosen = metafunc.config.getoption("isolation")
    if not chosen and (mark := metafunc.definition.get_closest_marker("isolations")):
        metafunc.parametrize("isolation", mark.args, indirect=True, scope="module")


def pytest_collection_modifyitems(config, items):
    if files := config.getoption("file"):
        unwanted = [item for item in items if item.path.stem.removeprefix("test_") not in files]
        config.hook.pytest_deselected(items=unwanted)
        items[:] = [item for item in items if item not in unwanted]
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Shows what the programs wrote while a test ran that failed."""
    report = yield
    if report.failed:
        for process in harness.STARTED:
            lines = process.output(item.stash.get(WRITTEN, {}).get(process, 0)).splitlines()
            report.sections.append((f"{process.name}, the end of its output", "\n".join(lines[-LINES_SHOWN:])))
    return report


WRITTEN = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    item.stash[WRITTEN] = {process: len(process.output()) for process in harness.STARTED}
    return (yield)


@pytest.fixture(scope="session", autouse=True)
def folders(tmp_path_factory):
    """Folders that anything makes stand below one that pytest takes away again."""
    tempfile.tempdir = str(tmp_path_factory.getbasetemp())
    harness.COPIES_FOLDERS = True
    yield
    tempfile.tempdir = None


@pytest.fixture(scope="module", autouse=True)
def isolation(request):
    """How every plugin runs, where a test does not say; None for what plugins.json says."""
    mode = getattr(request, "param", None) or request.config.getoption("isolation")
    harness.ISOLATION = None if mode == "declared" else mode
    yield harness.ISOLATION
    harness.ISOLATION = None


@pytest.fixture(scope="module", autouse=True)
def ended_with_the_file(isolation):
    started, held = len(harness.STARTED), len(harness.HELD)
    yield
    harness.end_since(started, held)


@pytest.fixture(autouse=True)
def ended_with_the_test(ended_with_the_file):
    started, held = len(harness.STARTED), len(harness.HELD)
    yield
    harness.end_since(started, held)


@pytest.fixture(scope="module")
def simulator(isolation):
    """A Daraja of its own process, for a file's tests."""
    with harness.Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def gateway(isolation):
    """`mpesa-gateway dev` with its own simulator, for a file's tests; a test that ends it starts one of its own."""
    with harness.Gateway() as gateway:
        yield gateway


@pytest.fixture
def folder(tmp_path):
    """The test's own folder, as text."""
    return str(tmp_path)


@pytest.fixture(scope="module")
def postgres():
    """A PostgreSQL server that is nobody else's: `host`, `port` and `user`; it has no database yet."""
    command = [os.path.join(harness.ROOT, "Scripts/with-test-postgres"), "sh", "-c", 'echo "$GATEWAY_TEST_POSTGRES"; cat']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield dict(part.split("=") for part in process.stdout.readline().split())
        # The end of its input is what it waits for.
        process.stdin.close()
