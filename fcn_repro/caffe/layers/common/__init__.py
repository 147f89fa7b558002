"""Layers of Caffe's catalogue chapter `common`: InnerProduct, Embed, Dropout."""
