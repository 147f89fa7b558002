"""The commands of the Dockerfile work in a clean environment; the image itself is not built."""

import re

from tests.install.installing import ROOT, run, sources


def test_its_commands_set_up_a_copy_and_its_entry_point_runs_there(tmp_path):
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    inside = text[text.index("\nWORKDIR") :]
    copy = sources(tmp_path / "copy")
    commands = re.findall(r"^RUN (.*)$", inside, re.MULTILINE)
    for command in commands:
        run("bash", "-ec", command, cwd=copy)
    (entry,) = re.findall(r'^ENTRYPOINT \["(.*)"\]$', inside, re.MULTILINE)
    (default,) = re.findall(r'^CMD \["(.*)"\]$', inside, re.MULTILINE)
    assert "mini-fcn8s" in run(entry, default, cwd=copy)
    assert (copy / "build/mini-fcn8s/solver.prototxt").is_file() and commands[0] == "make setup"
