"""WHICH runs exist.

experiments   the table: one row per run
prototxt      a row -> what its solver is told
"""
