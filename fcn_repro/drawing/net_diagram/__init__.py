"""Diagrams of nets as SVG and PNG. Pillow suffices: Caffe's own drawing needs the system package Graphviz.

graph     a NetParameter as boxes and arrows
layout    their positions: from top to bottom, with few crossings and straight lanes
shapes    rectangles, lines and texts of a diagram
svg png   the two renderers
diagram   all steps in one
"""
