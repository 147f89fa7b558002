from fcn_repro.analysis.cost.charts import chart_costs


def row(side, batch, forward, backward=0.0, peak=1.0):
    size = dict(height=side, width=side, batch=batch)
    return {**size, "forward_s": forward, "backward_s": backward, "peak_gb": peak}


def test_each_batch_is_a_line_over_the_side_of_the_image():
    seconds, per_pixel, memory = chart_costs([row(100, 1, 0.5), row(200, 1, 1.0), row(100, 2, 0.75), row(200, 2, 1.5)])
    assert (seconds.title, seconds.x_label) == ("forward pass (s)", "side of the image (px)")
    assert [(line.name, line.points) for line in seconds.lines] == [
        ("batch 1", [(100, 0.5), (200, 1.0)]),
        ("batch 2", [(100, 0.75), (200, 1.5)]),
    ]
    assert [line.points for line in per_pixel.lines] == [[(100, 50), (200, 25)], [(100, 37.5), (200, 18.75)]]
    assert [line.points for line in memory.lines] == [[(100, 1), (200, 1)]] * 2
    assert not seconds.log_y and chart_costs([row(100, 1, 0.5), row(2000, 1, 200.0)])[0].log_y


def test_one_size_is_a_line_over_the_batch():
    seconds, per_pixel, _ = chart_costs([row(100, 4, 2.0), row(100, 1, 0.5)])
    assert seconds.x_label == "batch"
    assert [line.points for line in seconds.lines] == [[(1, 0.5), (4, 2.0)]]
    assert [line.points for line in per_pixel.lines] == [[(1, 50), (4, 50)]]


def test_training_counts_both_passes():
    seconds, *_ = chart_costs([row(100, 1, 0.5, 1.0), row(200, 1, 1.0, 2.0)])
    assert seconds.title == "forward and backward pass (s)"
    assert seconds.lines[0].points == [(100, 1.5), (200, 3.0)]
