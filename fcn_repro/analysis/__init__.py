"""What is made of results: the paper's tables, studies, curves, reports, costs and benchmarks."""
