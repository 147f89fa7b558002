"""The programs, one per verb: arguments, a call or two, and what is printed. Run as `python -m tools.solve`.

emit draw explain                what is computed, as prototxts, pictures and arithmetic
fetch prepare hha                data sets and released weights
adopt check                      data sets of one's own; what is wrong with any
convolutionalise solve score     from a classifier to a scored net
infer heatmap compare            label photographs; show what a classifier sees; scores beside the paper's tables
smoke                            full-width nets on four photographs
caffe pycaffe                    Caffe's own command line, and anybody's pycaffe scripts, on this engine
program                          how all of them end
"""
