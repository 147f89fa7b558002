"""One HTML page of all results: no scripts, no network, every text escaped.

page        collects what the page shows, and renders templates/page.html.j2
runs        a run: scores, classes, confusions, learning curves, example images, provenance
studies     results of side experiments
json_value  any other JSON: how templates/macros.html.j2 shows it
templates/  the markup (Jinja2, which escapes every text) and the style sheet
"""
