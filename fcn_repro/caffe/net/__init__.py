"""The net: built from a NetParameter, run forward and backward, loaded and saved."""
