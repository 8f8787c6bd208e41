# SPDX-License-Identifier: Apache-2.0
"""Weights of public PyTorch code: imported, run and exported, against the same networks in PyTorch.

Usage: import_test.py PATH/libpointattn.so (the program and pointattn_forward lie beside it)
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import torch

import public_networks as public

BUILD = pathlib.Path(sys.argv.pop()).parent
TYPES = {"F32": torch.float32, "I64": torch.int64}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.detach().contiguous().numpy().tobytes()
        kind = next(k for k, dtype in TYPES.items() if dtype == tensor.dtype)
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path):
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(data[begin:end]), dtype=TYPES[entry["dtype"]])
        tensors[name] = flat.view(entry["shape"])
    return tensors


def randomize(network):
    """Weights and statistics as after a training; scales of both signs."""
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            signs = torch.where(torch.rand_like(module.weight) < 0.3, -1.0, 1.0)
            module.weight.data = signs * (0.5 + torch.rand_like(module.weight))
            module.bias.data.normal_(0, 0.2)
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
            module.num_batches_tracked += 7
    return network.eval()


NETWORKS = [
    ("pct", "classify", lambda: public.PctClassifier(40), 700),
    ("pct", "segment", lambda: public.PctSegmenter(50, 16), 300),
    ("dgcnn", "classify", lambda: public.DgcnnClassifier(40), 250),
    ("dgcnn", "segment", lambda: public.DgcnnSegmenter(50, 16), 200),
    ("point_transformer", "segment", lambda: public.PointTransformer(50), 4096),
]
LABELS = {"classify": "modelnet40", "segment": "shapenet_part"}


class Import(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(17)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_program(self, *arguments, code=0):
        call = subprocess.run([BUILD / "pointattn", *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(call.returncode, code, call.stderr)
        return call.stderr

    def import_file(self, path, name, task, code=0):
        return self.run_program("models", "import", path, "--model", name, "--task", task, "--labels", LABELS[task],
                                "-o", self.folder / "model.safetensors", code=code)

    def check_scores(self, network, points):
        """Our scores within 1e-5 of PyTorch's in float64, relative to the largest."""
        xyz, category = torch.rand(2, points, 3) * 2 - 1, torch.tensor([3, 11])
        offsets = torch.tensor([0, points, 2 * points])
        write_safetensors(self.folder / "in", {"xyz": xyz.flatten(0, 1), "offsets": offsets, "category": category})
        paths = [self.folder / name for name in ("model.safetensors", "in", "out")]
        subprocess.run([BUILD / "pointattn_forward", *paths], check=True)
        ours = read_safetensors(paths[2])
        one_hot = torch.nn.functional.one_hot(category, 16).double()
        with torch.no_grad():
            expected = network.double()(xyz.double(), one_hot)
        network.float()
        for form in ("scores", "frozen"):
            self.assertEqual(ours[form].shape, expected.shape)
            error = (ours[form] - expected).abs().max().item() / (1 + expected.abs().max().item())
            self.assertLess(error, 1e-5, form)

    def check_export(self, network):
        self.run_program("models", "export", self.folder / "model.safetensors", "-o", self.folder / "back")
        back = read_safetensors(self.folder / "back")
        state = network.state_dict()
        self.assertEqual(set(back), set(state))
        for name, tensor in state.items():
            expected = torch.zeros_like(tensor) if name.endswith("num_batches_tracked") else tensor
            self.assertEqual((back[name].dtype, back[name].shape), (tensor.dtype, tensor.shape), name)
            self.assertTrue(torch.equal(back[name], expected), name)
        network.load_state_dict(back, strict=True)

    def test_round_trip(self):
        for name, task, make, points in NETWORKS:
            with self.subTest(network=name, task=task):
                network = randomize(make())
                state = network.state_dict()
                write_safetensors(self.folder / "a.safetensors", state)
                torch.save(state, self.folder / "a.pth")
                torch.save(state, self.folder / "a.t7", _use_new_zipfile_serialization=False)
                parallel = torch.nn.DataParallel(network).state_dict()
                torch.save({"epoch": 3, "best": 0.5, "state_dict": parallel, "note": None}, self.folder / "a.tar")
                for file in ("a.safetensors", "a.pth", "a.t7", "a.tar"):
                    self.import_file(self.folder / file, name, task)
                    self.check_export(network)
                self.check_scores(network, points)

    def test_what_does_not_fit_is_named(self):
        state = randomize(public.DgcnnClassifier(40)).state_dict()
        cases = [
            ({k: v for k, v in state.items() if k != "linear2.bias"}, "'linear2.bias' is missing"),
            ({**state, "conv9.weight": torch.zeros(3)}, "'conv9.weight' does not belong"),
            ({**state, "conv3.0.weight": torch.zeros(128, 128)}, "'conv3.0.weight': expected shape [128, 128, 1, 1], got [128, 128]"),
            ({**state, "conv1.1.bias": torch.zeros(64)}, "'bn1.bias' and 'conv1.1.bias'"),
            ({**state, "linear3.weight": torch.zeros(40, 256).long()}, "of whole numbers"),
            ({**state, "linear3.weight": torch.zeros(10, 256)}, "expected labels for 10 categories, got 40"),
        ]
        for tensors, message in cases:
            torch.save(tensors, self.folder / "a.pth")
            error = self.import_file(self.folder / "a.pth", "dgcnn", "classify", code=1)
            self.assertIn(message, error)
            self.assertIn("a.pth", error)
            self.assertEqual(error.count("\n"), 1, error)

    def test_only_plain_tensors_are_read(self):
        made = self.folder / "made"

        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(made),)

        state = randomize(public.DgcnnClassifier(40)).state_dict()
        for zipped in (True, False):
            for value, name in ((Evil(), "posix.mkdir"), (public.Head(), "public_networks.Head")):
                checkpoint = {"state_dict": state, "more": value}
                torch.save(checkpoint, self.folder / "a.pth", _use_new_zipfile_serialization=zipped)
                error = self.import_file(self.folder / "a.pth", "dgcnn", "classify", code=1)
                self.assertIn(f"asks for {name};", error)
                self.assertFalse(made.exists())


if __name__ == "__main__":
    unittest.main()
