"""The mini data set: scenes of real silhouettes, made on the spot."""
