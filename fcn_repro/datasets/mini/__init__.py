"""The mini data set: composed scenes of animal silhouettes, without a manual download."""
