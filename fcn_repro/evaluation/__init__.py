"""Scores of trained nets.

metrics         the paper's four metrics, over a histogram of (truth, prediction) pixels; needs NumPy alone
class_subsets   scores over some of the classes, in each of three ways of counting
evaluate        start here: `score_net` runs a net over its split and fills the histograms
score_report    score.json: build, write, read and check a report; needs no engine
"""
