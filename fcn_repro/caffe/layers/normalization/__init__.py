"""BatchNorm, LRN and MVN of Caffe's catalogue chapter `normalization`."""
