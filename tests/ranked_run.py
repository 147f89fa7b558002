"""The tiny run as torchrun starts it; once, its rank 1 kills itself at iteration 6: python -m tests.ranked_run BUILD"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from fcn_repro.engine import caffe
from fcn_repro.folder import RunFolder
from fcn_repro.solve import Recipe, Training, solve
from tools import program

ROOT = Path(__file__).resolve().parents[1]
RECIPE = Recipe(rounds=2, steps=4)


def torchrun(folder: RunFolder, *options: str) -> subprocess.CompletedProcess:
    """Start two ranks of it; `options` are torchrun's."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *options]
    command += ["-m", "tests.ranked_run", str(folder.build)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)


def main(build: str) -> int:
    folder, losses = RunFolder("tiny", Path(build)), Training._losses

    def dying(self):
        mark = folder.build / "died"
        if self.solver.iter == 6 and caffe.solver_rank() == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return losses(self)

    def work(options: None) -> None:
        solve(folder, RECIPE, device=program.take_part(-1))

    Training._losses = dying
    return program.run(work, None)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
