"""The padding cache: activations over zero padding, kept between images of one size.

FCN pads its image with 100 pixels of zeros. Far from the image, every map depends on weights and sizes alone: at
500x500 that is 31 % of VGG-16's arithmetic. A TEST net meets many images with the same weights. So the second image of
a size runs layer by layer, and its padding activations are kept as rings. From the third image on, each layer computes
only the part of its map that depends on the image, inside the kept ring.

    receptive_extent   which cells of a map depend on an image, along each axis
    ring               cut a ring out of a map; fill a map from a ring and the part inside
    segment_steps      convolutions and poolings in a row, each with its in-place ReLU and Dropout
    segment_plan       for one image size: the part of every map to compute
    cached_segment     runs a row of steps as one; start here

Promises
    - Outputs equal the plain path up to float rounding, NaN and infinities included. No switch is needed; `PLAIN=1` or
      `with kernels.disabled():` turns the cache off.
    - It applies in the TEST phase, while weights stay, while Python holds no view of them or of a map, in passes over
      a whole segment without callbacks, for the SIZES image sizes seen last, and with memory for a copy of the filters.
    - Winograd spreads rounding error and NaN beyond the receptive field. So a ring is valid only for images whose
      largest magnitude is at least a quarter of that of the ring's image (SIMILAR); otherwise it is computed again.
    - Maps inside a segment are partial. Reading one, or a backward pass, computes the segment again from copies of
      image and filters; from then on that net computes it layer by layer.

It knows layers and kernels. Only fcn_repro/caffe/net imports it.
"""
