# SPDX-License-Identifier: Apache-2.0
"""Neighbour search, sampling and interpolation against what Python has for them, in one run: a uniform cube of N points in random
order, each point a query, building included, float32 tensors or arrays in, all threads.

    . scripts/env.sh && python bench/ops_peers.py [--n 1024,4096] [--k 16,32] [--only knn,ball,farthest,interpolate] [--csv FILE] [--device cuda]

Peers, each if it can be imported, else named and left out: SciPy (cKDTree), scikit-learn (KDTree, one thread), small_gicp
(KdTree), Open3D (NearestNeighborSearch, farthest_point_down_sample), fpsample (its exact bucketed forms, one thread), torch
(cdist and topk, the whole matrix, up to --most-square points). On CUDA torch alone: the same; "torch mm", cdist by products as is
its default, whose near distances cancel, some rows at a time and so of any size; "torch loop", the definition of farthest points
by a few kernels a point. ball: the nearest 32 within the radius that holds 32 on average.
farthest: 512, 1,024, 2,048, then 4,096 points. interpolate: from N/4 points to N by the nearest 3, C=128; peers find the
neighbours, torch weighs. "differ": of knn and ball the share of distances that are not ours up to a relative 1e-5, of
interpolate that of values (1e-4); of farthest the indices that are not ours from the peer's first point (points taken, where a
peer gives no indices). Peers have their own ways to count threads: `taskset -c 0 python bench/ops_peers.py --threads 1` gives
each one thread.
"""
import argparse
import csv
import importlib
import math
import pathlib
import statistics
import time

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent
BALL = 32


def offsets(count):
    return torch.tensor([0, count])


class Ours:
    name = "pointattn"

    def knn(self, query, points, k):
        return torch.ops.pointattn.knn(query, points, offsets(len(query)), offsets(len(points)), k)[::-1]

    def ball(self, query, points, radius, k):
        return torch.ops.pointattn.ball_query(query, points, offsets(len(query)), offsets(len(points)), radius, k)[::-1]

    def farthest(self, points, count):
        return torch.ops.pointattn.farthest_point_sample(points, offsets(len(points)), torch.tensor([count]))

    def interpolate(self, query, points, feat):
        return torch.ops.pointattn.interpolate(query, points, feat, offsets(len(query)), offsets(len(points)))


class Torch:
    """The N x N matrix, at most 2^28 numbers of it at a time, by exact differences."""

    name = "torch"
    square = True
    mode = "donot_use_mm_for_euclid_dist"

    def knn(self, query, points, k):
        some = query.split(max(1, 2**28 // len(points)))
        found = [torch.cdist(rows, points, compute_mode=self.mode).topk(k, 1, False) for rows in some]
        return torch.cat([d for d, _ in found]).square_(), torch.cat([index for _, index in found])

    def ball(self, query, points, radius, k):
        d, index = self.knn(query, points, k)
        return d.masked_fill_(d > radius**2, float("inf")), index


class TorchProducts(Torch):
    name = "torch mm"
    square = False
    mode = "use_mm_for_euclid_dist"


class TorchLoop:
    name = "torch loop"

    def farthest(self, points, count):
        taken = torch.zeros(count, dtype=torch.int64, device=points.device)
        least = torch.full_like(points[:, 0], float("inf"))
        for i in range(1, count):
            torch.minimum(least, (points - points[taken[i - 1 : i]]).square_().sum(1), out=least)
            taken[i] = least.argmax()
        return taken


class SciPy:
    name = "SciPy"
    needs = "scipy.spatial"

    def knn(self, query, points, k):
        d, index = self.module.cKDTree(points.numpy()).query(query.numpy(), k, workers=torch.get_num_threads())
        return torch.from_numpy(d).square_(), torch.from_numpy(index)

    def ball(self, query, points, radius, k):
        tree = self.module.cKDTree(points.numpy())
        d, index = tree.query(query.numpy(), k, distance_upper_bound=radius, workers=torch.get_num_threads())
        return torch.from_numpy(d).square_(), torch.from_numpy(index)


class ScikitLearn:
    name = "sklearn"
    needs = "sklearn.neighbors"

    def knn(self, query, points, k):
        d, index = self.module.KDTree(points.numpy()).query(query.numpy(), k)
        return torch.from_numpy(d).square_(), torch.from_numpy(index)


class SmallGicp:
    name = "small_gicp"
    needs = "small_gicp"

    def knn(self, query, points, k):
        threads = torch.get_num_threads()
        tree = self.module.KdTree(points.double().numpy(), threads)
        index, sq_dist = tree.batch_knn_search(query.double().numpy(), k, threads)
        return torch.from_numpy(sq_dist), torch.from_numpy(index.astype("int64"))


class Open3D:
    name = "Open3D"
    needs = "open3d"

    def tensor(self, values):
        return self.module.core.Tensor.from_numpy(values.numpy())

    def search(self, points):
        return self.module.core.nns.NearestNeighborSearch(self.tensor(points), self.module.core.int64)

    def knn(self, query, points, k):
        search = self.search(points)
        search.knn_index()
        index, d = search.knn_search(self.tensor(query), k)
        return torch.from_numpy(d.numpy()), torch.from_numpy(index.numpy())

    def ball(self, query, points, radius, k):
        search = self.search(points)
        search.hybrid_index(radius)
        index, d, _ = search.hybrid_search(self.tensor(query), radius, k)
        index, d = torch.from_numpy(index.numpy()), torch.from_numpy(d.numpy())
        return d.masked_fill_(index < 0, float("inf")), index

    def farthest(self, points, count):
        vectors = self.module.utility.Vector3dVector(points.double().numpy())
        taken = self.module.geometry.PointCloud(vectors).farthest_point_down_sample(count)
        return torch.from_numpy(importlib.import_module("numpy").asarray(taken.points)).float()


class FpSampleLines:
    name = "fpsample line"
    needs = "fpsample"

    def farthest(self, points, count):
        # The fastest of the heights that were tried for each size.
        height = next(h for most, h in ((1024, 3), (4096, 4), (16384, 6), (131072, 7), (1 << 60, 9)) if len(points) <= most)
        index = self.module.bucket_fps_kdline_sampling(points.numpy(), count, height, start_idx=0)
        return torch.from_numpy(index.astype("int64"))


class FpSampleTree:
    name = "fpsample tree"
    needs = "fpsample"

    def farthest(self, points, count):
        index = self.module.bucket_fps_kdtree_sampling(points.numpy(), count, start_idx=0)
        return torch.from_numpy(index.astype("int64"))


def interpolated(peer):
    def call(query, points, feat):
        d, index = peer.knn(query, points, 3)
        weight = 1 / (d.float() + 1e-8)
        weight /= weight.sum(1, keepdim=True)
        return torch.einsum("mk,mkc->mc", weight, feat[index])

    return call


def find_peers(device):
    if device == "cuda":
        return [Torch(), TorchProducts(), TorchLoop()]
    found = []
    for peer in (Torch(), SciPy(), ScikitLearn(), SmallGicp(), Open3D(), FpSampleLines(), FpSampleTree()):
        if hasattr(peer, "needs"):
            try:
                peer.module = importlib.import_module(peer.needs)
            except ImportError as error:
                print(f"left out: {peer.name} ({error})")
                continue
        found.append(peer)
    return found


def measure(calls, runs, seconds):
    """Results and median milliseconds; every round runs each candidate, so that other load falls on all of them. What takes less
    than 20 ms runs twice and the second counts: the candidate before left caches and threads in a state of its own."""
    results, first, times = {}, {}, {name: [] for name in calls}

    def timed(name):
        begin = time.perf_counter()
        results[name] = calls[name]()
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - begin)

    for name in calls:
        first[name] = timed(name)
    start = time.perf_counter()
    for run in range(runs):
        if run > 0 and time.perf_counter() - start > seconds:
            break
        for name in calls:
            if first[name] < 20:
                timed(name)
            times[name].append(timed(name))
    return results, {name: statistics.median(t) for name, t in times.items()}


def share_that_differs(expected, got):
    expected, got = expected.double(), got.double()
    same = (expected == got) | ((expected - got).abs() <= 1e-5 * expected.abs() + 1e-30)
    return 1 - same.double().mean().item()


def difference(operation, points, expected, got):
    if operation in ("knn", "ball"):
        return f"{share_that_differs(expected[0], got[0]):.1%}"
    if operation == "interpolate":
        return f"{((expected - got).abs() > 1e-4).double().mean().item():.1%}"
    if got.dim() == 2:  # coordinates, without a word about the order
        order = (set(map(tuple, points[expected].tolist())), set(map(tuple, got.tolist())))
        return str(len(order[0] - order[1]))
    first = int(got[0])  # fpsample's buckets begin elsewhere than they are told to: so do we, then
    rows = torch.arange(len(points), device=points.device)
    rows[0], rows[first] = first, 0
    expected = rows[Ours().farthest(points[rows], len(got))]
    return str((expected != got).sum().item())


def cases(options, n):
    points = torch.rand(n, 3).to(options.device)
    for k in map(int, options.k.split(",")):
        yield "knn", f"knn k={k}", (points, points, k)
    radius = (BALL / n * 3 / (4 * math.pi)) ** (1 / 3)
    yield "ball", "ball", (points, points, radius, BALL)
    yield "farthest", "farthest", (points, min(4096, {1024: 512, 4096: 1024, 16384: 2048}.get(n, max(1, n // 8))))
    yield "interpolate", "interpolate", (points, points[: n // 4].contiguous(), torch.randn(n // 4, 128).to(options.device))


def calls_of(operation, arguments, peers, options):
    calls = {}
    for peer in peers:
        if getattr(peer, "square", False) and len(arguments[0]) > options.most_square:
            continue
        function = getattr(peer, operation, None)
        if operation == "interpolate" and function is None and hasattr(peer, "knn"):
            function = interpolated(peer)
        if function is not None:
            calls[peer.name] = lambda function=function: function(*arguments)
    return calls


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", default="1024,4096,16384,131072")
    parser.add_argument("--k", default="16,32")
    parser.add_argument("--only", default="knn,ball,farthest,interpolate")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=10, help="no new round of a row begins after")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--most-square", type=int, default=4096, help="points of the N x N matrices at most")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--csv", help="also write the table there")
    parser.add_argument("--library", default=str(ROOT / "build/release/libpointattn.so"))
    options = parser.parse_args()
    torch.ops.load_library(options.library)
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)

    peers = [Ours(), *find_peers(options.device)]
    where = f"{torch.get_num_threads()} threads" if options.device == "cpu" else torch.cuda.get_device_name()
    print(f"float32, {where}; milliseconds, peer / ours", flush=True)
    rows = []
    for n in map(int, options.n.split(",")):
        for operation, name, arguments in cases(options, n):
            if operation not in options.only.split(","):
                continue
            calls = calls_of(operation, arguments, peers, options)
            results, times = measure(calls, options.runs, options.seconds)
            ours = times["pointattn"]
            line = f"{name:12} {n:8d}  ours {ours:9.3f}"
            for peer in list(calls)[1:]:
                differ = difference(operation, arguments[0], results["pointattn"], results[peer])
                line += f"  | {peer} {times[peer]:.3f}, {times[peer] / ours:.2f}x, {differ} differ"
            print(line, flush=True)
            rows.append({"operation": name, "N": n, **{peer: round(t, 4) for peer, t in times.items()}})
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, ["operation", "N", *(peer.name for peer in peers)])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
