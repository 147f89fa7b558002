import numpy as np

from fcn_repro.analysis.interpolation import interpolate_bilinear


def test_a_plane_is_interpolated_exactly_and_is_constant_beyond_its_cells():
    rows, columns = np.mgrid[:4, :5]
    cells = np.stack([2 * rows + 3 * columns, rows - columns]).astype(np.float32)
    y, x = np.array([-1, 0, 0.25, 2.5, 3, 7]), np.array([0.5, 4, 4.5])
    inside_y, inside_x = np.clip(y, 0, 3)[:, np.newaxis], np.clip(x, 0, 4)
    expected = np.stack([2 * inside_y + 3 * inside_x, inside_y - inside_x])
    np.testing.assert_allclose(interpolate_bilinear(cells, y, x), expected, rtol=1e-6)
