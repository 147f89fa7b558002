"""The meaning of a layer's parameters, read once for the engine, the drawings and the models."""
