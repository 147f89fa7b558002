"""Solvers and data-parallel training.

solver.py         Solver: steps, display, tests, snapshots; start here
update_rules.py   the six solver types, and get_solver
lr_policy.py      learning rates by iteration
smoothed_loss.py  the displayed loss
solver_nets.py    the train and test nets of a solver file
solver_rank.py    number of solvers, and this one's rank
nccl.py           communication between solvers in separate processes
"""
