"""A net as files: the run folder, weights, surgery, and what follows from the prototxt alone."""
