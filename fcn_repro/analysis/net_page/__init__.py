"""One self-contained HTML page of a net, or of two nets beside each other: drawing, prototxt, facts of each layer.

prototxt_lines   the lines of every layer in the text of a prototxt
layer_facts      what the page shows of a layer, and the rule by which its sizes follow from its bottoms'
weight_images    filters and histograms of weights
net_difference   what was added, removed and changed between two nets
page             collects all of it, and renders templates/net.html.j2
templates/       the markup, the style sheet, and the script, which computes sizes for any image size
"""
