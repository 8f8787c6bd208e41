# SPDX-License-Identifier: Apache-2.0
"""Every network trained with the same budget on the same data, in one table.

    . scripts/env.sh && python bench/compare_models.py --runs FOLDER [--table docs/models.md] \\
        --segment TRAIN TEST --classify TRAIN TEST [--epochs 20,10] [--points 512,512] [--seed 1] [--models a,b]

TRAIN and TEST are data as `pointattn train --data` takes them. A run that was broken off goes on where it was; one that is complete is
not trained again. The table replaces what stands between the marks of --table, or is printed. Figures are of the last epoch: no shape
is used to choose one. Time and memory: bench_models, a batch of 8 clouds; multiply-adds: one cloud.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "build/release/pointattn"
COST = ROOT / "build/release/bench_models"
BEGIN, END = "<!-- comparison: begin -->", "<!-- comparison: end -->"


def output(command):
    print(" ".join(map(str, command)), file=sys.stderr, flush=True)
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE).stdout


def networks(task, wanted):
    listed = [n["name"] for n in json.loads(output([PROGRAM, "models", "list", "--json", "-"])) if n["task"] == task]
    # With attention over all points of a part-segmentation network, spct is pct.
    listed = [n for n in listed if not (task == "segment" and n == "spct")]
    return [n for n in listed if not wanted or n in wanted]


def train(task, name, data, budget, options):
    epochs, points = budget
    folder = pathlib.Path(options.runs) / f"{task}_{name}"
    done = folder / "metrics.jsonl"
    if done.exists() and len(done.read_text().splitlines()) >= epochs:
        return folder / "best.safetensors"
    command = [PROGRAM, "train", task, "--model", name, "--data", data, "-o", folder, "--epochs", epochs,
               "--points", points, "--batch", 8 if task == "segment" else 16, "--learning-rate", 1e-3,
               "--average", 0.98, "--warmup-epochs", 1, "--hold-out", 0, "--seed", options.seed, "--quiet"]
    if (folder / "last.safetensors").exists():
        command.append("--resume")
    output(command)
    return folder / "best.safetensors"


def row(task, name, weights, test, points):
    figures = json.loads(output([PROGRAM, "eval", task, "--data", test, "--weights", weights, "--points", points,
                                 "--json", "-", "--quiet"]))
    cost = json.loads(output([COST, weights, "--points", points]))
    keys = ["accuracy", "instance_miou", "class_miou"] if task == "segment" else ["accuracy", "class_accuracy", "retrieval_map"]
    quality = [f"{figures[k]:.3f}" if figures.get(k) is not None else "–" for k in keys]
    return (f"| `{name}` | {cost['parameters'] / 1e6:.2f} M | {cost['multiply_adds'] / 1e9:.2f} G | " + " | ".join(quality) +
            f" | {cost['seconds_per_1000']:.1f} | {cost['peak_bytes'] / 1e6:.0f} |")


def table(task, train_data, test_data, budget, options):
    columns = ("accuracy | instance mIoU | class mIoU" if task == "segment" else "accuracy | class accuracy | retrieval mAP")
    lines = [f"| network | parameters | multiply-adds | {columns} | s per 1,000 clouds | peak MB |", "|---|" + "---:|" * 7]
    for name in networks(task, options.models.split(",") if options.models else []):
        weights = train(task, name, train_data, budget, options)
        lines.append(row(task, name, weights, test_data, budget[1]))
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def write(path, lines):
    if not path:
        print("\n".join(lines))
        return
    text = pathlib.Path(path).read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    pathlib.Path(path).write_text(head + "\n".join([BEGIN, *lines, END]) + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", required=True)
    parser.add_argument("--table")
    parser.add_argument("--segment", nargs=2, metavar=("TRAIN", "TEST"))
    parser.add_argument("--classify", nargs=2, metavar=("TRAIN", "TEST"))
    parser.add_argument("--epochs", default="20,10", help="of segmentation and of classification")
    parser.add_argument("--points", default="512,512", help="of a shape, likewise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", default="", help="only these")
    options = parser.parse_args()
    numbers = [map(int, text.split(",")) for text in (options.epochs, options.points)]
    budgets = dict(zip(("segment", "classify"), zip(*numbers)))  # epochs, points
    lines = []
    for task, data in (("segment", options.segment), ("classify", options.classify)):
        if not data:
            continue
        names = " → ".join(pathlib.Path(d).stem for d in data)
        lines += [f"**{task}**, {names}: {budgets[task][0]} epochs of {budgets[task][1]} points, seed {options.seed}, "
                  f"{os.environ.get('OMP_NUM_THREADS', os.cpu_count())} threads, {datetime.date.today()}", ""]
        lines += table(task, data[0], data[1], budgets[task], options) + [""]
    write(options.table, lines)


if __name__ == "__main__":
    main()
