# SPDX-License-Identifier: Apache-2.0
"""PCT against what Python has for it, in one run and one table: part segmentation and classification, inference and a training step.

    . scripts/env.sh && python bench/network_peers.py [--runs 5] [--only inference|training] [--sizes 1x2048,8x1024] [--no-compile] [--tuned-malloc]

Ours and eager LibTorch come from bench_networks and bench_training, which it runs before and after the peers (the smaller figure counts,
since the machine may be busier at one end); then PyTorch, eager and torch.compile, of the network in tests/python/public_networks.py.
float32, all threads, medians in milliseconds. --tuned-malloc runs everything with glibc's heap instead of mmap for large tensors, which
spares the peers the page faults of their maps. Compilation takes minutes a row; --sizes (clouds x points) chooses some, and what is
done is told on the way.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

import torch
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "tests/python"), str(ROOT / "bench")]
import public_networks  # noqa: E402
from attention_peers import TUNED, milliseconds  # noqa: E402

NUMBER = r"\s+([\d.]+)"
PROGRAMS = {
    "inference": (["bench_networks", "--only-pct"], rf"^PCT (.*), B=(\d+){NUMBER}{NUMBER}\s+\S+{NUMBER}"),
    "training": (["bench_training"], rf"^(part segmentation|classification)\s+(\d+){NUMBER}{NUMBER}\s+\S+{NUMBER}"),
}


def own_figures(kind, runs):
    """{(task, B, N): (ours, eager LibTorch)} in milliseconds."""
    (program, *options), row = PROGRAMS[kind]
    command = [ROOT / "build/release" / program, *options, "--runs", str(runs)]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = re.findall(row, text, re.MULTILINE)
    assert found, f"{program} printed no row that is understood:\n{text}"
    return {(task, int(b), int(n)): (float(ours), float(eager)) for task, b, n, ours, eager in found}


def peer_calls(kind, task, clouds, points, compiled):
    classify = task == "classification"
    xyz = torch.rand(clouds, points, 3) * 2 - 1
    category = F.one_hot(torch.arange(clouds) % 16, 16).float()
    truth = torch.randint(0, 40, (clouds,)) if classify else torch.randint(0, 50, (clouds * points,))
    network = public_networks.PctClassifier(40) if classify else public_networks.PctSegmenter(50, 16)
    network.train(kind == "training")
    forms = {"PyTorch": network, "compiled": torch.compile(network, dynamic=False)} if compiled else {"PyTorch": network}
    parameters = list(dict.fromkeys(network.parameters()))

    def inference(form):
        with torch.inference_mode():
            form(xyz, category)

    def training(form):
        torch.autograd.grad(F.cross_entropy(form(xyz, category), truth), parameters)

    call = inference if kind == "inference" else training
    return {name: lambda form=form: call(form) for name, form in forms.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=tuple(PROGRAMS), help="inference or training, not both")
    parser.add_argument("--sizes", help="clouds x points of the rows, by comma; all without it")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--tuned-malloc", action="store_true")
    options = parser.parse_args()
    if options.tuned_malloc and os.environ.get("MALLOC_MMAP_MAX_") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **TUNED})
    torch.manual_seed(1)
    print(f"float32, {torch.get_num_threads()} threads, malloc {'tuned' if options.tuned_malloc else 'default'}")
    names = ["ours", "LibTorch", "PyTorch"] + ([] if options.no_compile else ["compiled"])
    print(f"{'':28} {'B':>3} {'N':>5} " + " ".join(f"{name:>9}" for name in names) + "  best peer / ours")
    for kind in PROGRAMS:
        if options.only not in (None, kind):
            continue
        before = own_figures(kind, options.runs)
        chosen = [key for key in before if options.sizes is None or f"{key[1]}x{key[2]}" in options.sizes.split(",")]
        if not chosen:
            sys.exit(f"network_peers: expected --sizes among {', '.join(f'{b}x{n}' for _, b, n in before)}, got {options.sizes}")
        peers = {}
        for key in chosen:
            torch._dynamo.reset()
            peers[key] = milliseconds(peer_calls(kind, *key, not options.no_compile), options.runs)
            times = ", ".join(f"{name} {time:.1f}" for name, time in peers[key].items())
            print(f"done: {kind}, {key[0]} {key[1]}x{key[2]}: {times} ms", file=sys.stderr)
        after = own_figures(kind, options.runs)
        for key, measured in peers.items():
            ours, libtorch = (min(pair) for pair in zip(before[key], after[key]))
            times = [ours, libtorch, *measured.values()]
            task, clouds, points = key
            print(f"{kind + ', ' + task:28} {clouds:3d} {points:5d} " + " ".join(f"{t:9.1f}" for t in times) +
                  f"  {min(times[1:]) / ours:8.2f}", flush=True)


if __name__ == "__main__":
    main()
