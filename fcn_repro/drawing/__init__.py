"""Figures: charts, net diagrams, sheets of images and coloured label maps.

chart         line and bar charts, by matplotlib
net_diagram   a net as boxes and arrows; a subject of this project, drawn with Pillow alone
image_sheet   images in a titled grid
palette       label maps in PASCAL VOC's colours
"""
