"""One HTML page of everything that was measured: no scripts, nothing to fetch, every text escaped.

markup        elements
style         what they look like, in light and dark, on a phone and a desk
paper_tables  the papers' tables with measured, paper and difference columns
runs          a run: where it comes from, its curves, its classes, its confusions, examples
studies       results of side experiments
json_value    what is built in no known way
page          all of it
"""
