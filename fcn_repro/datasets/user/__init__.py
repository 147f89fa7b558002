"""Users' own data sets."""
