"""What a net costs: counted from its prototxt, and measured.

costs         arithmetic, numbers and memory of each layer, by arithmetic alone; Table 1's columns
measurement   time and peak memory of passes, in a process of their own; timing runs the passes
ledger        what was measured, in files, to be found again
layer_table   a row for each layer, and the net beside the paper's
curves        how cost grows with image and batch, as charts
"""
