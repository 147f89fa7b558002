"""Pictures of nets, as SVG and PNG, with nothing but Pillow.

graph    a NetParameter as boxes and arrows
layout   where they go: layer by layer from top to bottom, with few crossings and straight lanes
svg png  the same picture as text and as pixels
"""
