"""Images that the project draws: palettes, sheets of images, net diagrams."""
