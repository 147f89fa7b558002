"""The padding cache: activations over zero padding, kept between images of one size."""
