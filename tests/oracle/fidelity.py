"""Writes docs/fidelity.md: the results of the comparison with real Caffe."""

from pathlib import Path

import torch

from fcn_repro.caffe.layers.unsupported import UNSUPPORTED
from tests.oracle.comparison import Record

HEAD = """# Fidelity: differences from real Caffe

`make test-caffe` runs the same programs in this engine and in real Caffe, compares every array, and writes this page.

| | |
|---|---|
| Caffe | {oracle}, CPU |
| Engine | torch {torch}, CPU, float32 |

A difference is the largest one in an array, divided by the array's largest magnitude. Each row shows the worst
difference over all blobs, gradients, parameters and losses of its cases. 0 means equal to the bit. The test fails
beyond the limit.
"""

TAIL = """
## Not compared with this Caffe

- BatchNorm with the statistics of the batch (TRAIN). This build of Caffe computes it wrongly; the tests check it
  against its formula (tests/caffe/layers/normalization/test_batch_norm.py).
- Clip. This build lacks it; the tests check it against its formula (tests/caffe/layers/activation/test_clip.py).
- GPU computation. This build has none.

## Differs by design

- A failed CHECK ends Caffe's process. Here it raises a `CaffeError`.
- A NaN is the maximum of its pooling window here, and never in Caffe.
- A kernel larger than its padded bottom is refused here. For some strides Caffe makes a top of size 1 from zeros.
- A dilation of 0, an empty top of a convolution, and an HDF5Data layer without batch_size are refused here. Caffe goes
  on with a single tap, an empty blob, or no rows.
- WindowData refuses a missing image. Caffe logs it and leaves the rest of the batch 0.
- Labels and indices out of range are refused here. Caffe reads memory outside the blob.
- Caffe computes wrong gradients for Power, Log and MVN in place.
- Pillow decodes and resizes images here (ImageData, encoded Data), instead of OpenCV.

## Unsupported

"""


def write_page(path: Path, record: Record) -> None:
    """Write the page of a record."""
    lines = [HEAD.format(oracle=record.oracle, torch=torch.__version__)]
    for chapter in sorted(record.chapters):
        lines += [f"\n## {chapter}\n", "| subject | cases | worst difference | limit |", "|---|---:|---:|---:|"]
        for subject, entry in sorted(record.chapters[chapter].items(), key=lambda pair: pair[0].lower()):
            lines.append(f"| {subject} | {entry.cases} | {_format(entry.worst)} | {_format(entry.limit)} |")
    lines.append(TAIL)
    lines += [f"- {feature}: {reason}." for feature, reason in UNSUPPORTED.items()]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines).replace("\n\n\n", "\n\n") + "\n")


def _format(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-")
