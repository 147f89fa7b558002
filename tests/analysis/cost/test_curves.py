from fcn_repro.analysis.cost.curves import cost_charts


def row(side, batch, forward, backward=0.0, peak=1.0):
    size = dict(height=side, width=side, batch=batch)
    return {**size, "forward_s": forward, "backward_s": backward, "peak_gb": peak}


def test_sizes_are_told_by_their_side_and_each_batch_has_a_line():
    seconds, per_pixel, memory = cost_charts([row(100, 1, 0.5), row(200, 1, 1.0), row(100, 2, 0.75), row(200, 2, 1.5)])
    assert seconds.title == "forward pass (s) by side of the image (px)"
    assert [(stage.name, stage.points, stage.length) for stage in seconds.stages] == [
        ("batch 1", [(100, 0.5), (200, 1.0)], 200),
        ("batch 2", [(100, 0.75), (200, 1.5)], 200),
    ]
    assert [stage.points for stage in per_pixel.stages] == [[(100, 50), (200, 25)], [(100, 37.5), (200, 18.75)]]
    assert [stage.points for stage in memory.stages] == [[(100, 1), (200, 1)]] * 2


def test_one_size_is_shown_by_the_batch():
    seconds, per_pixel, _ = cost_charts([row(100, 4, 2.0), row(100, 1, 0.5)])
    assert seconds.title == "forward pass (s) by batch"
    assert [stage.points for stage in seconds.stages] == [[(1, 0.5), (4, 2.0)]]
    assert [stage.points for stage in per_pixel.stages] == [[(1, 50), (4, 50)]]


def test_training_counts_both_ways():
    seconds, *_ = cost_charts([row(100, 1, 0.5, 1.0), row(200, 1, 1.0, 2.0)])
    assert seconds.title.startswith("forward and backward pass (s)")
    assert seconds.stages[0].points == [(100, 1.5), (200, 3.0)]
