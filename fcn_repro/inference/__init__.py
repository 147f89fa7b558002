"""Use trained nets on images.

segmenter         Segmenter(model)(image) labels an image of any size: start here
label_images      labels files, folders and patterns, and writes label maps and overlays
tiling            tiles whose scores equal those of the whole image; the largest tile that fits in memory
class_heatmap     where a classifier sees a class
voc_submission    label maps in the layout of PASCAL VOC's evaluation server
"""
