"""Write one HTML page of the results under build/: the papers' tables beside measured scores, curves, images.

    python -m tools.report
    python -m tools.report --out /tmp/page.html

The page is one file without scripts, which needs no network. Open it in any browser, also on a phone.

Reads    data/paper/*.csv; build/*/score.json and *.score.json, and log.csv, pictures/examples.png and sheet*.png
         beside them; build/studies/**/*.json
Writes   build/report.html
Exit     0 written · 2 bad arguments
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fcn_repro.analysis.html_report.page import render_page
from fcn_repro.analysis.paper_tables import read_tables
from fcn_repro.paths import BUILD
from fcn_repro.system.atomic_write import atomic_write
from fcn_repro.system.memory import format_bytes
from fcn_repro.system.output_paths import check_outputs
from tools import program

READ = ("*/*score.json", "*/log.csv", "*/pictures/*.png", "studies/**/*.json")  # under the folder of results


def main(options: argparse.Namespace) -> None:
    found = [path for pattern in READ for path in options.build.glob(pattern)]
    check_outputs([(options.out, options.build)], found, "--out ANOTHER_FILE")
    text = render_page(options.build, read_tables())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(options.out) as file:
        file.write(text)
    print(f"{options.out}: {format_bytes(len(text.encode()))}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=BUILD, metavar="FOLDER", help="where the results are; build")
    parser.add_argument("--out", type=Path, default=BUILD / "report.html", metavar="FILE", help="build/report.html")
    sys.exit(program.run(main, parser.parse_args()))
