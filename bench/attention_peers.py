# SPDX-License-Identifier: Apache-2.0
"""Offset attention against its peers in PyTorch, in one run and one table.

    . scripts/env.sh && python bench/attention_peers.py [--n 1024,2048] [--runs 5] [--train] [--no-compile] [--tuned-malloc] [--csv FILE]

Peers: eager (the N x N map stored), torch.compile of it, and the exact form by two calls of LibTorch's flash attention for CPUs
(row log-sum-exp, then its negative as a bias of the keys; the values cut into slices as wide as the keys, since other widths
leave that path; forward only). --tuned-malloc runs everything with glibc's heap instead of mmap for large tensors, which spares the
peers their page faults. On CUDA the table ends with ours and eager in TF32 and bfloat16. The floor is the time of the products of the tiled algorithm at the speed of the best matrix product measured.
"""
import argparse
import csv
import os
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}
C, D = 128, 32


def eager(q, v):
    p = torch.softmax(q @ q.T, dim=1)
    return (p / (1e-9 + p.sum(0, keepdim=True))).T @ v


def flash(q, v):
    flash_call = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    n = len(q)
    key = q.view(1, 1, n, D)
    _, lse = flash_call(key, key, key, 0.0, False, attn_mask=None, scale=1.0)
    bias = (-lse).view(1, 1, 1, n).expand(1, 1, n, n)
    slices = C // D
    keys = key.expand(1, slices, n, D).contiguous()
    values = v.view(1, n, slices, D).transpose(1, 2).contiguous()
    out, _ = flash_call(keys, keys, values, 0.0, False, attn_mask=bias, scale=1.0)
    return out.transpose(1, 2).reshape(n, C)


def ours(q, v):
    offsets = torch.tensor([0, len(q)])
    return torch.ops.pointattn.offset_attention(q, q, v, offsets)


def forward_call(function, q, v, g):
    def call():
        with torch.inference_mode():
            return function(q, v)

    return call


def train_call(function, q, v, g):
    q, v = q.detach().requires_grad_(), v.detach().requires_grad_()
    return lambda: torch.autograd.grad(function(q, v), (q, v), g)


def bfloat16(function):
    return lambda q, v: function(q.bfloat16(), v.bfloat16()).float()


def with_tf32(call):
    """The call with products in TF32, its backward pass as well."""

    def wrapped():
        torch.backends.cuda.matmul.allow_tf32 = True
        try:
            return call()
        finally:
            torch.backends.cuda.matmul.allow_tf32 = False

    return wrapped


def wait():
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def milliseconds(calls, runs):
    """Medians; every round runs each candidate once, so that other load falls on all of them."""
    times = {name: [] for name in calls}
    for call in calls.values():
        call()
    wait()
    for _ in range(runs):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            wait()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(t) for name, t in times.items()}


def product_speed(device):
    """GFLOP/s of the best float32 matrix product at hand."""
    side = 512 if device == "cpu" else 8192
    a, b = torch.randn(2 * side, side, device=device), torch.randn(side, 2 * side, device=device)
    calls = [lambda: a @ b]
    if device == "cpu":
        calls.append(lambda: torch.ops.mkldnn._linear_pointwise(a, b.T.contiguous(), None, "none", [], ""))
    return max(8 * side**3 / min(milliseconds({"x": call}, 1)["x"] for _ in range(20)) * 1e-6 for call in calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", default="1024,2048,4096,8192")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--train", action="store_true", help="forward and backward")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--only-ours-from", type=int, default=1 << 60, help="N from which the peers are left out")
    parser.add_argument("--tuned-malloc", action="store_true")
    parser.add_argument("--csv", help="also write the table there")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--library", default=str(ROOT / "build/release/libpointattn.so"))
    options = parser.parse_args()
    if options.tuned_malloc and os.environ.get("MALLOC_MMAP_MAX_") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **TUNED})
    torch.ops.load_library(options.library)
    torch.manual_seed(1)

    peak = product_speed(options.device)
    kind = "forward and backward" if options.train else "forward"
    malloc = "tuned" if options.tuned_malloc else "default"
    where = f"{torch.get_num_threads()} threads, malloc {malloc}"
    if options.device == "cuda":
        where = torch.cuda.get_device_name()
    print(f"{kind}, float32, C={C}, D={D}, {where}, product {peak:.0f} GFLOP/s")
    functions = {"ours": ours, "eager": eager}
    if not options.no_compile:
        functions["compiled"] = torch.compile(eager, dynamic=False)
    if not options.train and options.device == "cpu":
        functions["flash"] = flash
    if options.device == "cuda":  # less exact: beside the comparison
        functions.update({"ours-tf32": ours, "eager-tf32": eager, "ours-bf16": bfloat16(ours), "eager-bf16": bfloat16(eager)})
    print(f"{'N':>7} {'floor':>9} " + " ".join(f"{name:>10}" for name in functions) + "   best peer / ours")
    rows = []
    for n in map(int, options.n.split(",")):
        q, v, g = (torch.randn(n, width, device=options.device) for width in (D, C, C))
        q *= 0.5
        wrap = train_call if options.train else forward_call
        names = [name for name in functions if n < options.only_ours_from or name.startswith("ours")]
        calls = {name: wrap(functions[name], q, v, g) for name in names}
        calls.update({name: with_tf32(call) for name, call in calls.items() if name.endswith("-tf32")})
        reference = calls["ours"]()
        for name in names[1:]:
            tolerance = 0.2 if "-" in name else 1e-3
            for a, b in zip(reference, calls[name]()):
                assert (a - b).abs().max() < tolerance * (1 + b.abs().max()), f"{name} computes something else at N={n}"
        result = milliseconds(calls, options.runs)
        # Every pair of points is visited once on the CPU, where queries are keys; a GPU visits it twice.
        products = 3 * (C + D) if options.train else C + D
        if options.device == "cuda":
            products = 3 * C + 6 * D if options.train else C + 2 * D
        floor = 2 * n * n * products / peak * 1e-6
        cells = " ".join(f"{result[name]:10.2f}" if name in result else " " * 10 for name in functions)
        others = [t for name, t in result.items() if name != "ours" and "-" not in name]
        ratio = f"{min(others) / result['ours']:8.2f}" if others else ""
        print(f"{n:7d} {floor:9.2f} {cells}   {ratio}", flush=True)
        rows.append({"pass": kind, "malloc": malloc, "N": n, "floor": floor, **result})
    if options.csv:
        with open(options.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, ["pass", "malloc", "N", "floor", *functions])
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
