# SPDX-License-Identifier: Apache-2.0
"""Every operator on CUDA against the same operator on the CPU: indices equal, values close, gradients close, runs repeat bit for bit.

Usage: cuda_test.py PATH/libpointattn.so. Ends with 77 where there is no GPU, or fails there under POINTATTN_REQUIRE_CUDA=1.
"""
import os
import sys
import unittest

import torch

LIBRARY = sys.argv.pop()


def offsets(*counts):
    return torch.tensor([0, *torch.tensor(counts).cumsum(0).tolist()])


def on(device, values):
    """Copies of tensors on a device, leaves of their own graph; row offsets and numbers stay as they are."""
    copies = []
    for value in values:
        if torch.is_tensor(value) and value.dtype.is_floating_point:
            copies.append(value.detach().to(device).requires_grad_(value.requires_grad))
        elif torch.is_tensor(value) and value.dim() == 2:  # neighbour indices
            copies.append(value.to(device))
        else:
            copies.append(value)
    return copies


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


class Cuda(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(7)

    def compare(self, op, args, tolerance=2e-5):
        def run(device):
            own = on(device, args)
            out = as_tuple(op(*own))
            inputs = [a for a in own if torch.is_tensor(a) and a.requires_grad]
            floats = [o for o in out if o.dtype.is_floating_point and o.requires_grad]
            grads = ()
            if inputs and floats:
                generator = torch.Generator().manual_seed(1)
                seeds = [torch.rand(o.shape, dtype=o.dtype, generator=generator).to(device) for o in floats]
                finite = [torch.where(o.isfinite(), o, torch.zeros_like(o)) for o in floats]
                grads = torch.autograd.grad(finite, inputs, seeds)
            return [t.detach().cpu() for t in (*out, *grads)]

        first = run("cuda")
        for one, other in zip(first, run("cuda")):
            self.assertTrue(torch.equal(one, other), f"{op}: two runs differ")
        for cpu, cuda in zip(run("cpu"), first):
            self.assertEqual((cpu.shape, cpu.dtype), (cuda.shape, cuda.dtype))
            if cpu.dtype.is_floating_point:
                torch.testing.assert_close(cuda, cpu, rtol=tolerance, atol=tolerance)
            else:
                self.assertTrue(torch.equal(cpu, cuda), f"{op}: indices differ")

    def clouds(self, dtype=torch.float32):
        # Uneven clouds, one of them empty, with ties on a lattice in the last.
        points = torch.cat([torch.rand(1500, 3), torch.randint(0, 6, (611, 3)) / 5.0]).to(dtype)
        return points, offsets(1500, 0, 611)

    def test_knn(self):
        for dtype in (torch.float32, torch.float64):
            points, rows = self.clouds(dtype)
            points.requires_grad_()
            for k in (1, 16, 33, 200):
                self.compare(torch.ops.pointattn.knn, (points, points, rows, rows, k))

    def test_ball_query(self):
        points, rows = self.clouds()
        for radius in (0.0, 0.15, float("inf")):
            self.compare(torch.ops.pointattn.ball_query, (points, points, rows, rows, radius, 24))

    def test_farthest_point_sample(self):
        points, rows = self.clouds()
        self.compare(torch.ops.pointattn.farthest_point_sample, (points, rows, torch.tensor([700, 0, 611])))

    def test_large_clouds(self):
        """Beside small ones in a batch: searched down a tree, sampled by several blocks; more neighbours than registers."""
        lattice = torch.randint(0, 25, (12000, 3)) / 24.0
        points = torch.cat([torch.rand(9000, 3), torch.rand(500, 3), lattice, 1e6 + torch.rand(8300, 3)])
        rows = offsets(9000, 0, 500, 12000, 8300)
        self.compare(torch.ops.pointattn.knn, (points, points, rows, rows, 16))
        query = torch.cat([2 * torch.rand(3000, 3), torch.rand(10, 3), lattice[:2500] + 1 / 48, 1e6 + torch.rand(2100, 3)])
        queries = offsets(3000, 0, 10, 2500, 2100)
        for radius in (0.05, float("inf")):
            self.compare(torch.ops.pointattn.ball_query, (query, points, queries, rows, radius, 40))
        for k in (1024, 1100):
            self.compare(torch.ops.pointattn.knn, (query[:2100], points[:9000], offsets(2100), offsets(9000), k))
        self.compare(torch.ops.pointattn.farthest_point_sample, (points, rows, torch.tensor([700, 0, 500, 900, 300])))

    def test_gather(self):
        feat = torch.randn(300, 37, requires_grad=True)
        index = torch.randint(-1, 300, (1000, 9))
        self.compare(torch.ops.pointattn.gather, (feat, index))
        self.compare(torch.ops.pointattn.gather_max, (feat, index.clamp(min=0)))

    def test_interpolate(self):
        points, rows = self.clouds()
        few = torch.cat([points[:100], points[1500:1550]])
        feat = torch.randn(150, 20, requires_grad=True)
        self.compare(torch.ops.pointattn.interpolate, (points, few, feat, rows, offsets(100, 0, 50), 3))

    def test_attention(self):
        sizes = (((70, 0, 131), (300, 5, 64), 3, 32, 64), ((257,), (1,), 1, 17, 50), ((5, 3), (0, 700), 2, 64, 9))
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-10)):
            for queries, keys, heads, depth, width in sizes:
                def leaf(rows, *columns):
                    return torch.randn(rows, heads, *columns, dtype=dtype)

                bias = leaf(sum(keys)).masked_fill(torch.rand(sum(keys), heads) < 0.2, -float("inf"))
                tensors = leaf(sum(queries), depth), leaf(sum(keys), depth), leaf(sum(keys), width)
                for mask in (None, bias.requires_grad_()):
                    args = (*(t.requires_grad_() for t in tensors), offsets(*queries), offsets(*keys), mask, depth**-0.5)
                    self.compare(torch.ops.pointattn.attention, args, tolerance)

    def test_offset_attention(self):
        for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-10)):
            for counts, depth, width in (((700, 0, 1, 131), 32, 128), ((257,), 17, 50), ((64, 64), 64, 256)):
                n = sum(counts)
                q, v = 0.4 * torch.randn(n, depth, dtype=dtype), torch.randn(n, width, dtype=dtype)
                args = (q.requires_grad_(), 0.4 * torch.randn(n, depth, dtype=dtype).requires_grad_(), v.requires_grad_())
                leaf = [a.detach().requires_grad_() for a in args]
                self.compare(torch.ops.pointattn.offset_attention, (*leaf, offsets(*counts)), tolerance)

    def test_attention_in_narrow_types(self):
        """Of inputs that the type holds, against float64: within the type's own steps, and runs repeat."""
        if torch.cuda.get_device_capability() < (8, 0):
            self.skipTest("needs compute capability 8.0")
        q, v, g = torch.randn(700, 32), torch.randn(700, 128), torch.randn(700, 128)
        rows = offsets(300, 0, 400)
        heads = lambda t, columns: t.view(700, -1, columns)
        calls = {
            "offset_attention": (lambda q, v: torch.ops.pointattn.offset_attention(q, q, v, rows), 0.4 * q, v, g),
            "attention": (
                lambda q, v: torch.ops.pointattn.attention(q, q, v, rows, rows, None, 0.25), heads(q, 16), heads(v, 64), heads(g, 64)
            ),
        }
        for name, (call, *inputs) in calls.items():
            for dtype, tf32, tolerance in (
                (torch.float32, True, 1e-2), (torch.float32, False, 2e-5), (torch.bfloat16, False, 5e-2), (torch.float16, False, 1e-2)
            ):
                def run(device, own):
                    leaves = [t.to(dtype).to(device, own).requires_grad_() for t in inputs[:2]]
                    out = call(*leaves)
                    return [out.detach(), *torch.autograd.grad(out, leaves, inputs[2].to(dtype).to(device, own))]

                exact = run("cpu", torch.float64)
                torch.backends.cuda.matmul.allow_tf32 = tf32
                try:
                    first, second = run("cuda", dtype), run("cuda", dtype)
                finally:
                    torch.backends.cuda.matmul.allow_tf32 = False
                for a, b, c in zip(first, second, exact):
                    self.assertTrue(torch.equal(a, b), f"{name} {dtype}: two runs differ")
                    error = (a.cpu().double() - c).abs().max() / (1 + c.abs().max())
                    self.assertLess(error.item(), tolerance, f"{name} {dtype} tf32={tf32}")

    def test_offset_attention_has_linear_memory(self):
        def held(n):
            torch.cuda.empty_cache()
            q = torch.randn(n, 32, device="cuda", requires_grad=True)
            v = torch.randn(n, 128, device="cuda", requires_grad=True)
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            torch.ops.pointattn.offset_attention(q, q, v, offsets(n)).sum().backward()
            return torch.cuda.max_memory_allocated() - before

        self.assertLess(held(65536), 5 * held(16384))


if __name__ == "__main__":
    if not torch.cuda.is_available():
        if os.environ.get("POINTATTN_REQUIRE_CUDA") == "1":
            sys.exit("POINTATTN_REQUIRE_CUDA=1, but PyTorch sees no GPU")
        print("skipped: no GPU")
        sys.exit(77)
    torch.ops.load_library(LIBRARY)
    unittest.main()
