"""Fuzz one reader with coverage guidance, or every reader in a separate process.

    python -m tests.fuzz.fuzz --seconds 120               all readers, 120 s in total
    python -m tests.fuzz.fuzz mat --runs 20000 --seed 1   one reader, a number of inputs, reproducible

A finding ends the run; it prints the input and keeps it as build/fuzz/<target>/crash-*. An input that exceeds the
limits of memory or time is also a finding.

Exit     0 no findings · 1 findings
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

MEMORY_MB, INPUT_S = 2048, 10
BUILD = Path("build/fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="?")
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seed", type=int, default=0, help="0: another one every time")
    options = parser.parse_args()
    if options.target:
        fuzz(options.target, options)
    from tests.fuzz.targets import TARGETS

    failed = []
    for target in TARGETS:
        limits = [f"--seconds={max(options.seconds // len(TARGETS), 1)}", f"--runs={options.runs}"]
        command = [sys.executable, "-m", "tests.fuzz.fuzz", target, *limits, f"--seed={options.seed}"]
        if subprocess.run(command, check=False).returncode:
            failed.append(target)
    print(f"{len(TARGETS) - len(failed)} passed, {len(failed)} failed" + ": ".join(["", *failed]))
    return bool(failed)


def fuzz(target: str, options: argparse.Namespace) -> None:
    """Hand this process to libFuzzer, which ends it."""
    import atheris

    with atheris.instrument_imports(include=["fcn_repro", "google.protobuf", "tarfile", "zipfile"]):
        from tests.fuzz import targets
    corpus = BUILD / target
    corpus.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    for number, seed in enumerate(targets.seeds(target)):
        (folder / f"seed-{number}").write_bytes(seed)
    place = Path(tempfile.mkdtemp())
    flags = [
        *(f"-max_total_time={options.seconds}", f"-runs={options.runs}", f"-timeout={INPUT_S}", "-max_len=8192"),
        *(f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={corpus}/", "-verbosity=0", "-print_final_stats=0"),
        *([f"-seed={options.seed}"] if options.seed else []),
    ]
    atheris.Setup([target, str(folder), *flags], lambda data: targets.run(target, data, place))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
