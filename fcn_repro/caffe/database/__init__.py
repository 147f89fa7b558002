"""Databases of Datum messages: written from images and from feature maps, read by Data layers, averaged.

datum          a Datum's bytes and pixels
lmdb_writer    the LMDB that Caffe's programs write; proto/lmdb_file.py reads it
from_images    convert_imageset
image_mean     compute_image_mean
from_features  extract_features
"""

from fcn_repro.caffe.database.from_features import extract_features as extract_features
from fcn_repro.caffe.database.from_images import Conversion as Conversion
from fcn_repro.caffe.database.from_images import convert_imageset as convert_imageset
from fcn_repro.caffe.database.image_mean import compute_image_mean as compute_image_mean
from fcn_repro.caffe.database.image_mean import log_channel_means as log_channel_means
from fcn_repro.caffe.database.image_mean import write_mean as write_mean
