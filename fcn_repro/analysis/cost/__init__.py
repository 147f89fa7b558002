"""The cost of a net: counted from its prototxt, and measured.

costs         arithmetic, parameters and memory of each layer; the columns of the paper's Table 1
measurement   time and peak memory of passes, in a separate process; timing runs the passes
ledger        measurements in files, which later runs reuse
profiler      measures nets or takes their measurements from the ledger; a row for each
layer_table   a row for each layer, sums, and the net beside the paper's
charts        time and memory by image size and batch
"""
