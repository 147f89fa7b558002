"""Fetch archives and weights to data/downloads/ and verify them; existing files are verified and kept.

    python -m tools.fetch                    list all files
    python -m tools.fetch voc                the archives of a data set
    python -m tools.fetch vgg16 voc-fcn8s    weights
    python -m tools.fetch --check            ask every source for its file's header, and print a table
    python -m tools.fetch --check voc        the same for these files

Each file has one source or more, which are tried in order; the output names the one that served it. Weights without a
source that answers are made from a converted copy (data/converted.csv), and the output says what differs. Resumes
interrupted downloads. MIRROR=FOLDER or MIRROR=ADDRESS replaces the files' own hosts.

Reads    data/archives.csv, data/weights.csv, data/packages.csv, data/converted.csv, data/sources.csv
Writes   data/downloads/
Exit     0 complete · 2 bad arguments · 3 a file is unavailable or wrong, or with --check has no source that answers
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from typing import Sequence

from fcn_repro.datasets import DATASETS
from fcn_repro.datasets.download.connection import hide_login
from fcn_repro.datasets.download.fetch import PYPI, RemoteFile, Source, find_origin, list_sources, read_catalogue
from fcn_repro.datasets.download.transfer import ask
from fcn_repro.errors import DataError
from fcn_repro.model.find_weights import fetch_weights
from fcn_repro.model.weights_origin import read_origin
from fcn_repro.system.progress import Progress
from fcn_repro.system.text_table import format_table
from solvers.emit import emit_deploy
from tools import program

HEADERS = ("file", "source", "address", "answer", "bytes", "seconds", "fetched by us")
NEVER = "never"


def list_archives() -> dict[str, Sequence[str]]:
    return {facts.name: facts.archives for facts in DATASETS.values()}


def check_name(name: str) -> str:
    try:
        names = [*list_archives(), *read_catalogue()]
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if name not in names:
        raise argparse.ArgumentTypeError(f"got the unknown name {name!r}; expected one of: {', '.join(names)}")
    return name


def main(options: argparse.Namespace) -> None:
    files = read_catalogue()
    chosen = [file for name in options.names for file in list_archives().get(name, [name])]
    if options.check:
        check(chosen or list(files), files, options.format)
    elif chosen:
        for name in chosen:
            path = fetch_weights(name, partial(emit_deploy, name))
            origin = find_origin(files[name]) if path == files[name].path else read_origin(path)
            print(f"{path}    from {origin}")
    else:
        for row in files.values():
            print(f"{row.name:22} {row.file:45} {row.licence:20} {row.note}")


def check(names: Sequence[str], files: dict[str, RemoteFile], format: str) -> None:
    """Print the answer of every source of these files.

    Raises   DataError naming the files without a source that answers
    """
    sources = [(files[name], source) for name in names for source in list_sources(files[name])]
    rows, silent = [], {file.name for file, _ in sources}
    with Progress(len(sources), "ask the sources", unit="sources") as progress:
        for file, source in sources:
            is_available, row = ask_source(file, source)
            rows.append(row)
            silent -= {file.name} if is_available else set()
            progress.advance()
    print(format_table(rows, HEADERS, format))
    never = sum(row[-1] == NEVER for row in rows)
    print(f"\n{len(rows)} sources of {len(names)} files; {never} of them were never fetched by this project.")
    if silent:
        raise DataError(
            f"no source has {', '.join(sorted(silent))}. Fix: put the files into data/downloads/, or set MIRROR"
        )


def ask_source(file: RemoteFile, source: Source) -> tuple[bool, Sequence[str]]:
    """Return whether a source has a file of the right size, and its row of the table."""
    if source.url.startswith(PYPI):
        return True, (file.name, source.source, source.url, "pip", file.bytes, "", source.fetched or NEVER)
    began = time.monotonic()
    answer = ask(source.url)
    size = "" if answer.size is None else str(answer.size)
    is_other = bool(size and file.bytes and not source.digest and size != file.bytes)
    status = f"{answer.status}, but {size} bytes of {file.bytes}" if is_other else answer.status
    here = "on this machine" if find_origin(file) == str(source) else ""
    seconds = f"{time.monotonic() - began:.1f}"
    row = (file.name, source.source, hide_login(source.url), status, size, seconds, source.fetched or here or NEVER)
    return answer.is_available and not is_other, row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", type=check_name, help="data sets, or rows of data/*.csv; none: list them")
    parser.add_argument("--check", action="store_true", help="ask all sources of these files, or of all, for a header")
    program.add_format(parser)
    sys.exit(program.run(main, parser.parse_args()))
