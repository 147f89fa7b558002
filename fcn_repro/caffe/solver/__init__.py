"""Solvers: update rules, learning rate policies, data-parallel training."""
