"""The runs that exist, and what turns a row into files and results.

experiments   the table: one row per run. It needs only the standard library, as make reads it before set-up
studies       the table of the papers' side experiments
prototxt      a row -> its SolverParameter
emit          a row -> its prototxts under build/
recipe        a row -> the recipe that `fcn_repro.training` trains

run_list score_run study_runs grid_studies seeds sweep smoke mini_results sized_net benchmark_nets serve the programs
of the same or a similar name in tools/. This package joins nets/ and fcn_repro/, which do not know each other.
"""
