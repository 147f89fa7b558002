"""Users' own data sets: a folder of images and label maps, registered with tools.user_dataset.

`folder_layout` finds images, label maps and splits; `registry` stores what was found; `user_dataset` serves it;
`colour_table` converts label maps from colours to class indices.
"""
