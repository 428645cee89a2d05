"""The commands in the project's documents: found, and run as they are written.

A block is indented by four spaces after an empty line, or stands between fences. The blocks of one document run in order in
one bash, in a folder that looks like the project's, so that a path in a document is that path. Two things are
replaced, and nothing else: the ports 8080, 8081 and 8090 by free ones.
"""

import glob
import os
import re
import subprocess
import tempfile

from harness import PROGRAM, ROOT

MARK = "=== block "
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def documents():
    found = [name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return found + sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs/**/*.md"), recursive=True))


def blocks(document):
    """The blocks of a document, without their indentation or fences."""
    with open(os.path.join(ROOT, document)) as file:
        text = file.read()
    return [block.strip("\n") for block in re.split(FENCE, text)[1::2]] + indented(re.sub(FENCE, "", text))


def indented(text):
    found, current, before = [], [], ""
    for line in [*text.split("\n"), "the end"]:
        if line.startswith("    ") and (current or not before.strip()):
            current.append(line[4:])
        elif current and not line.strip():
            current.append("")
        elif current:
            found.append("\n".join(current).rstrip())
            current = []
        before = line
    return found


def workspace():
    """A folder that looks like the project's, with data of its own."""
    folder = tempfile.mkdtemp(prefix="project-")
    for name in os.listdir(ROOT):
        if name not in (".data", ".git"):
            os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
    return folder


def run(texts, folder, ports, environment):
    """Runs blocks in one bash that stops at the first command that fails; answers what each printed."""
    script = "set -euo pipefail\n"
    for number, text in enumerate(texts):
        for written, free in ports.items():
            text = re.sub(rf"(localhost:|127\.0\.0\.1:|--port ){written}\b", rf"\g<1>{free}", text)
        script += f"echo; echo '{MARK}{number}'\n{text}\n"
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300,
    )
    assert done.returncode == 0, f"status {done.returncode}:\n{done.stdout}"
    return [part.partition("\n")[2] for part in done.stdout.split("\n" + MARK)[1:]]


def names_a_command(document, words):
    """Whether words begin with a command; then it and its options must exist."""
    words = words.split()
    command = words[:2] if words[0] in ("plugin", "organization") else words[:1]
    if words[0] == "plugin" and not re.fullmatch("[a-z]+", words[1]):
        return False
    help_text = subprocess.run([PROGRAM, *command, "--help"], capture_output=True, text=True)
    assert help_text.returncode == 0, f"{document} names {command}"
    for option in (word for word in words if word.startswith("--")):
        assert option in help_text.stdout, f"{document} names {option} of {command}"
    return True
