"""Using a trained net on images."""
