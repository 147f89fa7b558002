"""docs/fidelity.md: what the comparison with real Caffe found."""

from __future__ import annotations

from pathlib import Path

import torch

from fcn_repro.caffe.layers.unsupported import UNSUPPORTED
from tests.oracle.comparison import Record

HEAD = """# Fidelity: how far this engine is from real Caffe

`make test-caffe` runs the same programs in this engine and in real Caffe, compares every array, and writes this page.

| | |
|---|---|
| Caffe | {oracle}, CPU |
| Engine | torch {torch}, CPU, float32 |

A difference is the largest one in an array divided by the array's largest magnitude; each row shows the worst over all
blobs, gradients, parameters and losses of its cases. 0 is equality to the bit. The test fails beyond the limit.
"""

TAIL = """
## Not compared with this Caffe

- BatchNorm that normalises by the batch (TRAIN): wrong in this build of Caffe; checked against its formula instead
  (tests/caffe/layers/normalization/test_batch_norm.py).
- Clip, which this build lacks, likewise (tests/caffe/layers/activation/test_clip.py).
- GPU computation: the build has none.

## Differs by design

- A failed CHECK ends Caffe's process; here it is a `CaffeError` that can be caught.
- A NaN wins its pooling window here and never in Caffe.
- A kernel larger than its padded bottom is refused here; for some strides Caffe makes a top of 1 from zeros.
- Labels and indices out of range are refused here; Caffe reads whatever lies in memory there.
- In place, the gradients of Power, Log and MVN are garbage in Caffe.
- JPEG decoding and resizing (ImageData, encoded Data) are pillow's, not OpenCV's.

## Unsupported

"""


def write_page(path: Path, record: Record) -> None:
    """Write the page from a record."""
    lines = [HEAD.format(oracle=record.oracle, torch=torch.__version__)]
    for chapter in sorted(record.chapters):
        lines += [f"\n## {chapter}\n", "| subject | cases | worst difference | limit |", "|---|---:|---:|---:|"]
        for subject, entry in sorted(record.chapters[chapter].items(), key=lambda pair: pair[0].lower()):
            lines.append(f"| {subject} | {entry.cases} | {_number(entry.worst)} | {_number(entry.limit)} |")
    lines.append(TAIL)
    lines += [f"- {feature}: {reason}." for feature, reason in UNSUPPORTED.items()]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines).replace("\n\n\n", "\n\n") + "\n")


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-")
