# SPDX-License-Identifier: Apache-2.0
"""The Python route: every operator through torch.ops, against straightforward torch code.

Usage: ops_test.py PATH/libpointattn.so
"""
import sys
import unittest

import torch

LIBRARY = sys.argv.pop()
torch.ops.load_library(LIBRARY)
ops = torch.ops.pointattn


def offsets(*counts):
    return torch.tensor([0, *torch.tensor(counts).cumsum(0).tolist()])


def squared_distances(query, points):
    # Summed axis by axis, as the operators do, so that the bits can agree.
    d = (query[:, None] - points[None]) ** 2
    return d[..., 0] + d[..., 1] + d[..., 2]


def plain_knn(query, points, k):
    d, index = squared_distances(query, points).sort(dim=1, stable=True)
    return index[:, :k], d[:, :k]


def plain_farthest_points(points, count):
    taken, nearest = [0], torch.full((len(points),), float("inf"), dtype=points.dtype)
    while len(taken) < count:
        nearest = torch.minimum(nearest, squared_distances(points[taken[-1:]], points)[0])
        nearest[taken] = -1
        taken.append(int((nearest == nearest.max()).nonzero()[0]))
    return torch.tensor(taken)


def plain_offset_attention(q, k, v):
    p = torch.softmax(q @ k.T, dim=1)
    return (p / (1e-9 + p.sum(0, keepdim=True))).T @ v


def plain_attention(q, k, v, bias, scale):
    scores = torch.einsum("ihd,jhd->hij", q, k) * scale + bias.T[:, None]
    return torch.einsum("hij,jhc->ihc", torch.softmax(scores, dim=2), v)


class Values(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(3)

    def test_knn_of_a_ragged_batch(self):
        query, points = torch.rand(30, 3), torch.rand(1200, 3)
        index, d = ops.knn(query, points, offsets(10, 0, 20), offsets(1000, 50, 150), 7)
        for rows, cloud in ((slice(0, 10), slice(0, 1000)), (slice(10, 30), slice(1050, 1200))):
            expected, expected_d = plain_knn(query[rows], points[cloud], 7)
            self.assertTrue(torch.equal(index[rows], expected + cloud.start))
            self.assertTrue(torch.equal(d[rows], expected_d))
        self.assertEqual((index.dtype, d.dtype), (torch.int64, torch.float32))

    def test_ball_query(self):
        query, points = torch.rand(20, 3, dtype=torch.double), torch.rand(400, 3, dtype=torch.double)
        index, d = ops.ball_query(query, points, offsets(20), offsets(400), 0.2, 12)
        expected, expected_d = plain_knn(query, points, 12)
        outside = expected_d > 0.2**2
        self.assertTrue(outside.any())
        self.assertTrue(torch.equal(index, expected.masked_fill(outside, -1)))
        self.assertTrue(torch.equal(d, expected_d.masked_fill(outside, float("inf"))))

    def test_farthest_point_sample(self):
        points = torch.rand(700, 3)
        taken = ops.farthest_point_sample(points, offsets(300, 400), torch.tensor([50, 9]))
        expected = [plain_farthest_points(points[:300], 50), plain_farthest_points(points[300:], 9) + 300]
        self.assertTrue(torch.equal(taken, torch.cat(expected)))

    def test_gather(self):
        feat = torch.rand(9, 4, requires_grad=True)
        index = torch.tensor([[0, 8, -1], [8, 8, 3]])
        expected = feat[index.clamp(min=0)] * (index >= 0)[..., None]
        got = ops.gather(feat, index)
        self.assertTrue(torch.equal(got, expected))
        weight = torch.rand_like(got)
        (mine,) = torch.autograd.grad((got * weight).sum(), feat)
        (plain,) = torch.autograd.grad((expected * weight).sum(), feat)
        torch.testing.assert_close(mine, plain)

    def test_interpolate(self):
        query, points, feat = torch.rand(25, 3), torch.rand(60, 3), torch.rand(60, 5)
        index, d = plain_knn(query, points, 3)
        w = 1 / (d + 1e-8)
        expected = (w[..., None] * feat[index]).sum(1) / w.sum(1, keepdim=True)
        torch.testing.assert_close(ops.interpolate(query, points, feat, offsets(25), offsets(60)), expected)

    def test_offset_attention(self):
        q, k, v = (torch.randn(90, c, dtype=torch.double) * 0.3 for c in (8, 8, 5))
        got = ops.offset_attention(q, k, v, offsets(40, 0, 50))
        expected = [plain_offset_attention(q[s], k[s], v[s]) for s in (slice(0, 40), slice(40, 90))]
        torch.testing.assert_close(got, torch.cat(expected))

    def test_attention(self):
        q, k, v, bias = (torch.randn(*s, dtype=torch.double) for s in ((50, 2, 4), (70, 2, 4), (70, 2, 3), (70, 2)))
        bias[[3, 66], [0, 1]] = -float("inf")
        got = ops.attention(q, k, v, offsets(20, 0, 30), offsets(40, 10, 20), bias, 0.5)
        clouds = ((slice(0, 20), slice(0, 40)), (slice(20, 50), slice(50, 70)))
        expected = [plain_attention(q[i], k[j], v[j], bias[j], 0.5) for i, j in clouds]
        torch.testing.assert_close(got, torch.cat(expected))
        whole = offsets(70)
        torch.testing.assert_close(
            ops.attention(k, k, v, whole, whole, None, 0.5), plain_attention(k, k, v, torch.zeros_like(bias), 0.5))

    def test_gradients(self):
        double = {"dtype": torch.double}
        query = torch.rand(5, 3, **double, requires_grad=True)
        points = torch.rand(8, 3, **double, requires_grad=True)
        feat = torch.rand(8, 2, **double, requires_grad=True)
        five, eight = offsets(5), offsets(8)
        check = torch.autograd.gradcheck
        self.assertTrue(check(lambda q, p: ops.knn(q, p, five, eight, 3)[1], (query, points)))
        self.assertTrue(check(lambda f: ops.interpolate(query.detach(), points.detach(), f, five, eight), feat))
        q, k, v = (torch.randn(8, c, **double, requires_grad=True) for c in (3, 3, 2))
        self.assertTrue(check(lambda *qkv: ops.offset_attention(*qkv, eight), (q, k, v)))
        leaves = [torch.randn(*s, **double, requires_grad=True) for s in ((5, 2, 3), (8, 2, 3), (8, 2, 2), (8, 2))]
        self.assertTrue(check(lambda q, k, v, bias: ops.attention(q, k, v, five, eight, bias, 0.7), leaves))

    def test_errors_are_value_errors_that_say_what_came(self):
        points = torch.rand(4, 3)
        with self.assertRaisesRegex(ValueError, "knn: expected at least 5 points .* got 4 in cloud 0"):
            ops.knn(points, points, offsets(4), offsets(4), 5)
        with self.assertRaisesRegex(ValueError, "knn: expected query .M,3., got .4,2."):
            ops.knn(points[:, :2], points, offsets(4), offsets(4), 1)


class Registration(unittest.TestCase):
    """Schemas, autograd and Meta kernels, by PyTorch's own checks of custom operators."""

    CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor")

    def calls(self):
        torch.manual_seed(5)
        query, points = (torch.rand(n, 3, requires_grad=True) for n in (6, 20))
        feat = torch.rand(20, 4, requires_grad=True)
        six, twenty = offsets(6), offsets(20)
        index = torch.randint(-1, 20, (6, 3))
        yield ops.knn, (query, points, six, twenty, 3)
        yield ops.ball_query, (query, points, six, twenty, 0.4, 3)
        yield ops.gather, (feat, index)
        yield ops.interpolate, (query, points, feat, six, twenty, 3)
        q, k, v = (torch.rand(n, 2, c, requires_grad=True) for n, c in ((6, 3), (20, 3), (20, 4)))
        bias = torch.rand(20, 2, requires_grad=True)
        yield ops.attention, (q, k, v, six, twenty, bias, 0.5)
        yield ops.attention, (q, k, v, six, twenty, None, 0.5)

    def test_opcheck(self):
        for op, args in self.calls():
            with self.subTest(op=str(op)):
                # PyTorch's compiled check adds up all outputs in the dtype of the first, which must not be an integer then.
                compiled = () if op in (ops.knn, ops.ball_query) else ("test_aot_dispatch_static",)
                torch.library.opcheck(op.default, args, test_utils=self.CHECKS + compiled)

    def test_sampling_and_attention_schemas(self):
        points = torch.rand(20, 3)
        args = (points, offsets(20), torch.tensor([4]))
        torch.library.opcheck(ops.farthest_point_sample.default, args, test_utils="test_schema")
        q, v = torch.rand(20, 4), torch.rand(20, 5)
        torch.library.opcheck(ops.offset_attention.default, (q, q, v, offsets(20)), test_utils="test_schema")

    def test_shapes_without_data(self):
        query, points, feat = (torch.empty(n, c, device="meta") for n, c in ((6, 3), (20, 3), (20, 4)))
        index, d = ops.knn(query, points, offsets(6), offsets(20), 3)
        self.assertEqual((index.shape, index.dtype, d.shape), ((6, 3), torch.int64, (6, 3)))
        self.assertEqual(ops.gather(feat, index).shape, (6, 3, 4))
        self.assertEqual(ops.interpolate(query, points, feat, offsets(6), offsets(20)).shape, (6, 4))
        q, k, v = (torch.empty(n, 2, c, device="meta") for n, c in ((6, 4), (20, 4), (20, 5)))
        self.assertEqual(ops.attention(q, k, v, offsets(6), offsets(20), None, 0.5).shape, (6, 2, 5))
        self.assertEqual(ops.offset_attention(feat, feat, query.new_empty(20, 5), offsets(20)).shape, (20, 5))


if __name__ == "__main__":
    unittest.main()
