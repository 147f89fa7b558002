import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is there: a process is forked safely while it has one thread
