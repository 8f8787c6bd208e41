# SPDX-License-Identifier: Apache-2.0
"""The networks whose public weights can be imported, written from the papers' formulas in plain PyTorch with the public
code's tensor names, so that their state dictionaries are what that code saves."""
import torch
from torch import nn
from torch.nn import functional as F


def nearest(query, points, k):
    """The k nearest of points [B,N,C] for each of query [B,M,C], in any space -> [B,M,k]."""
    return torch.cdist(query, points, compute_mode="donot_use_mm_for_euclid_dist").topk(k, largest=False).indices


def rows(x, index):
    """x [B,N,C] at index [B,M] or [B,M,k]."""
    batch = torch.arange(len(x)).view(-1, *[1] * (index.dim() - 1))
    return x[batch, index]


def farthest(points, count):
    """Farthest point sampling of points [B,N,3] from their first -> [B,count]."""
    taken = torch.zeros(len(points), count, dtype=torch.long)
    closest = torch.full(points.shape[:2], float("inf"), dtype=points.dtype)
    for i in range(1, count):
        closest = torch.minimum(closest, (points - rows(points, taken[:, i - 1 : i])).square().sum(2))
        taken[:, i] = closest.argmax(1)
    return taken


def conv(dimensions, channels_in, channels_out, bias=False):
    return (None, nn.Conv1d, nn.Conv2d)[dimensions](channels_in, channels_out, 1, bias=bias)


def norm(dimensions, channels):
    return (None, nn.BatchNorm1d, nn.BatchNorm2d)[dimensions](channels)


class Attention(nn.Module):
    """PCT's offset attention on [B,C,N]."""

    def __init__(self, channels):
        super().__init__()
        self.q_conv, self.k_conv = conv(1, channels, channels // 4), conv(1, channels, channels // 4)
        self.q_conv.weight = self.k_conv.weight
        self.v_conv, self.trans_conv = (conv(1, channels, channels, bias=True) for _ in range(2))
        self.after_norm = norm(1, channels)

    def forward(self, x):
        map = torch.softmax(self.q_conv(x).transpose(1, 2) @ self.k_conv(x), dim=2)
        map = map / (1e-9 + map.sum(1, keepdim=True))
        return x + F.relu(self.after_norm(self.trans_conv(x - self.v_conv(x) @ map)))


class Embedding(nn.Module):
    """PCT's neighbour embedding: two layers on [f_j - f_i, f_i], maximum over the 32 nearest."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.conv1, self.conv2 = conv(1, 2 * channels_in, channels_out), conv(1, channels_out, channels_out)
        self.bn1, self.bn2 = norm(1, channels_out), norm(1, channels_out)

    def forward(self, xyz, feat, count):
        index = farthest(xyz, count)
        centre, own = rows(xyz, index), rows(feat, index)[:, :, None]
        group = rows(feat, nearest(centre, xyz, 32)) - own
        pairs = torch.cat([group, own.expand_as(group)], 3).flatten(0, 1).transpose(1, 2)  # [B M,2C,32]
        out = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(pairs))))))
        return centre, out.amax(2).view(*index.shape, -1)


class PctLast(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.bn1, self.bn2 = conv(1, 256, 256), conv(1, 256, 256), norm(1, 256), norm(1, 256)
        for i in range(1, 5):
            setattr(self, f"sa{i}", Attention(256))

    def forward(self, x):
        layers = [F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))]
        for attention in (self.sa1, self.sa2, self.sa3, self.sa4):
            layers.append(attention(layers[-1]))
        return torch.cat(layers[1:], 1)


class Head(nn.Module):
    """[B,C] -> 512 -> 256 -> classes, LeakyReLU(0.2)."""

    def add_head(self, channels, classes):
        self.linear1, self.bn6 = nn.Linear(channels, 512, bias=False), norm(1, 512)
        self.linear2, self.bn7 = nn.Linear(512, 256), norm(1, 256)
        self.linear3 = nn.Linear(256, classes)

    def head(self, x):
        x = F.leaky_relu(self.bn6(self.linear1(x)), 0.2)
        return self.linear3(F.leaky_relu(self.bn7(self.linear2(x)), 0.2))


class PctClassifier(Head):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.conv2, self.bn1, self.bn2 = conv(1, 3, 64), conv(1, 64, 64), norm(1, 64), norm(1, 64)
        self.gather_local_0, self.gather_local_1 = Embedding(64, 128), Embedding(128, 256)
        self.pt_last = PctLast()
        self.conv_fuse = nn.Sequential(conv(1, 1280, 1024), norm(1, 1024), nn.LeakyReLU(0.2))
        self.add_head(1024, classes)

    def forward(self, xyz, category):
        x = xyz.transpose(1, 2)
        x = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        half, x = self.gather_local_0(xyz, x.transpose(1, 2), 512)
        _, x = self.gather_local_1(half, x, 256)
        x = x.transpose(1, 2)
        return self.head(self.conv_fuse(torch.cat([self.pt_last(x), x], 1)).amax(2))


class PctSegmenter(nn.Module):
    def __init__(self, parts, categories):
        super().__init__()
        self.conv1, self.conv2, self.bn1, self.bn2 = conv(1, 3, 128), conv(1, 128, 128), norm(1, 128), norm(1, 128)
        for i in range(1, 5):
            setattr(self, f"sa{i}", Attention(128))
        self.conv_fuse = nn.Sequential(conv(1, 512, 1024), norm(1, 1024), nn.LeakyReLU(0.2))
        self.label_conv = nn.Sequential(conv(1, categories, 64), norm(1, 64), nn.LeakyReLU(0.2))
        self.convs1, self.bns1 = conv(1, 3136, 512, bias=True), norm(1, 512)
        self.convs2, self.bns2 = conv(1, 512, 256, bias=True), norm(1, 256)
        self.convs3 = conv(1, 256, parts, bias=True)

    def forward(self, xyz, category):
        layers = [F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(xyz.transpose(1, 2)))))))]
        for attention in (self.sa1, self.sa2, self.sa3, self.sa4):
            layers.append(attention(layers[-1]))
        x = self.conv_fuse(torch.cat(layers[1:], 1))
        cloud = torch.cat([x.amax(2, True), x.mean(2, True), self.label_conv(category[:, :, None])], 1)
        x = torch.cat([x, cloud.expand(-1, -1, x.shape[2])], 1)
        x = F.relu(self.bns2(self.convs2(F.relu(self.bns1(self.convs1(x))))))
        return self.convs3(x).transpose(1, 2).flatten(0, 1)


class Numbered(nn.Module):
    """DGCNN's layers: norm number i is a member of its own and part of convolution number i."""

    def add(self, i, dimensions, channels_in, channels_out):
        setattr(self, f"bn{i}", norm(dimensions, channels_out))
        layer = conv(dimensions, channels_in, channels_out), getattr(self, f"bn{i}"), nn.LeakyReLU(0.2)
        setattr(self, f"conv{i}", nn.Sequential(*layer))


def edges(x, k):
    """[f_j - f_i, f_i] of the k nearest in the space of x [B,C,N] -> [B,2C,N,k]."""
    points = x.transpose(1, 2)
    own = points[:, :, None]
    near = rows(points, nearest(points, points, k)) - own
    return torch.cat([near, own.expand_as(near)], 3).permute(0, 3, 1, 2)


class DgcnnClassifier(Numbered, Head):
    def __init__(self, classes):
        super().__init__()
        for i, (channels_in, channels_out) in enumerate([(6, 64), (128, 64), (128, 128), (256, 256)]):
            self.add(i + 1, 2, channels_in, channels_out)
        self.add(5, 1, 512, 1024)
        self.add_head(2048, classes)

    def forward(self, xyz, category):
        layers = [xyz.transpose(1, 2)]
        for edge_conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            layers.append(edge_conv(edges(layers[-1], 20)).amax(3))
        x = self.conv5(torch.cat(layers[1:], 1))
        return self.head(torch.cat([x.amax(2), x.mean(2)], 1))


class Transform(Numbered):
    def __init__(self):
        super().__init__()
        self.add(1, 2, 6, 64)
        self.add(2, 2, 64, 128)
        self.add(3, 1, 128, 1024)
        self.linear1, self.bn3 = nn.Linear(1024, 512, bias=False), norm(1, 512)  # the public code gives bn3 twice
        self.linear2, self.bn4 = nn.Linear(512, 256, bias=False), norm(1, 256)
        self.transform = nn.Linear(256, 9)

    def forward(self, pairs):
        x = self.conv3(self.conv2(self.conv1(pairs)).amax(3)).amax(2)
        x = F.leaky_relu(self.bn3(self.linear1(x)), 0.2)
        return self.transform(F.leaky_relu(self.bn4(self.linear2(x)), 0.2)).view(-1, 3, 3)


class DgcnnSegmenter(Numbered):
    def __init__(self, parts, categories):
        super().__init__()
        self.transform_net = Transform()
        for i, channels_in in enumerate([6, 64, 128, 64, 128]):
            self.add(i + 1, 2, channels_in, 64)
        sizes = [(192, 1024), (categories, 64), (1280, 256), (256, 256), (256, 128)]
        for i, (channels_in, channels_out) in enumerate(sizes):
            self.add(i + 6, 1, channels_in, channels_out)
        self.conv11 = conv(1, 128, parts)

    def forward(self, xyz, category):
        turned = xyz @ self.transform_net(edges(xyz.transpose(1, 2), 40))
        x1 = self.conv2(self.conv1(edges(turned.transpose(1, 2), 40))).amax(3)
        x2 = self.conv4(self.conv3(edges(x1, 40))).amax(3)
        x3 = self.conv5(edges(x2, 40)).amax(3)
        own = torch.cat([x1, x2, x3], 1)
        cloud = torch.cat([self.conv6(own).amax(2, True), self.conv7(category[:, :, None])], 1)
        x = torch.cat([cloud.expand(-1, -1, own.shape[2]), own], 1)
        return self.conv11(self.conv10(self.conv9(self.conv8(x)))).transpose(1, 2).flatten(0, 1)


def over(layer, x):
    """A batch norm over the last dimension of x."""
    return layer(x.flatten(0, -2)).view(x.shape)


def affine(channels_in, channels_out, *further):
    return nn.Sequential(nn.Linear(channels_in, channels_out), *further)


class VectorAttention(nn.Module):
    """Point Transformer's attention; one weight serves the channels that are equal modulo C/8."""

    def __init__(self, channels, k):
        super().__init__()
        self.k, groups = k, channels // 8
        self.linear_q, self.linear_k, self.linear_v = (nn.Linear(channels, channels) for _ in range(3))
        self.linear_p = affine(3, 3, norm(1, 3), nn.ReLU(), nn.Linear(3, channels))
        self.linear_w = nn.Sequential(
            norm(1, channels), nn.ReLU(), nn.Linear(channels, groups), norm(1, groups), nn.ReLU(), nn.Linear(groups, groups))

    def forward(self, xyz, x):
        index = nearest(xyz, xyz, self.k)
        first, position_norm, _, second = self.linear_p
        delta = second(F.relu(over(position_norm, first(rows(xyz, index) - xyz[:, :, None]))))  # [B,N,k,C]
        relation = rows(self.linear_k(x), index) - self.linear_q(x)[:, :, None] + delta
        norm1, _, hidden, norm2, _, last = self.linear_w
        weight = torch.softmax(last(F.relu(over(norm2, hidden(F.relu(over(norm1, relation)))))), dim=2)
        return ((rows(self.linear_v(x), index) + delta) * weight.repeat(1, 1, 1, 8)).sum(2)


class Block(nn.Module):
    def __init__(self, channels, k):
        super().__init__()
        self.linear1, self.linear3 = (nn.Linear(channels, channels, bias=False) for _ in range(2))
        self.bn1, self.bn2, self.bn3 = (norm(1, channels) for _ in range(3))
        self.transformer2 = VectorAttention(channels, k)

    def forward(self, xyz, x):
        y = F.relu(over(self.bn1, self.linear1(x)))
        y = F.relu(over(self.bn2, self.transformer2(xyz, y)))
        return F.relu(x + over(self.bn3, self.linear3(y)))


class Down(nn.Module):
    """To a quarter of the points, or on the first level to its channels."""

    def __init__(self, channels_in, channels_out, first):
        super().__init__()
        self.first = first
        self.linear = nn.Linear(channels_in + (0 if first else 3), channels_out, bias=False)
        self.bn = norm(1, channels_out)

    def forward(self, xyz, x):
        if self.first:
            return xyz, F.relu(over(self.bn, self.linear(x)))
        centre = rows(xyz, farthest(xyz, xyz.shape[1] // 4))
        index = nearest(centre, xyz, 16)
        group = torch.cat([rows(xyz, index) - centre[:, :, None], rows(x, index)], 3)
        return centre, F.relu(over(self.bn, self.linear(group))).amax(2)


class Up(nn.Module):
    """From the level below, or at the lowest from the mean of the cloud."""

    def __init__(self, channels_in, channels_out):
        super().__init__()
        self.lowest = channels_in is None
        own = 2 * channels_out if self.lowest else channels_out
        self.linear1 = affine(own, channels_out, norm(1, channels_out), nn.ReLU())
        further = () if self.lowest else (norm(1, channels_out),)
        self.linear2 = affine(channels_in or channels_out, channels_out, *further, nn.ReLU())

    @staticmethod
    def layer(layer, x):
        return layer(x.flatten(0, 1)).view(*x.shape[:2], -1)

    def forward(self, xyz, x, below_xyz=None, below=None):
        if self.lowest:
            cloud = self.linear2(x.mean(1))[:, None].expand_as(x)
            return self.layer(self.linear1, torch.cat([x, cloud], 2))
        index = nearest(xyz, below_xyz, 3)
        weight = 1 / ((rows(below_xyz, index) - xyz[:, :, None]).norm(dim=3, keepdim=True) + 1e-8)
        carried = (rows(self.layer(self.linear2, below), index) * weight).sum(2) / weight.sum(2)
        return self.layer(self.linear1, x) + carried


class PointTransformer(nn.Module):
    CHANNELS, BLOCKS = (32, 64, 128, 256, 512), (1, 2, 3, 5, 2)

    def __init__(self, parts):
        super().__init__()
        for i, (channels, blocks) in enumerate(zip(self.CHANNELS, self.BLOCKS)):
            k = 16 if i else 8
            down = Down(self.CHANNELS[i - 1] if i else 3, channels, first=not i)
            setattr(self, f"enc{i + 1}", nn.Sequential(down, *(Block(channels, k) for _ in range(blocks))))
            up = Up(self.CHANNELS[i + 1] if i < 4 else None, channels)
            setattr(self, f"dec{i + 1}", nn.Sequential(up, Block(channels, k)))
        self.cls = affine(32, 32, norm(1, 32), nn.ReLU(), nn.Linear(32, parts))

    def forward(self, xyz, category):
        levels, x = [], xyz
        for i in range(1, 6):
            down, *blocks = getattr(self, f"enc{i}")
            xyz, x = down(xyz, x)
            for block in blocks:
                x = block(xyz, x)
            levels.append((xyz, x))
        below = ()
        for i in range(5, 0, -1):
            up, block = getattr(self, f"dec{i}")
            xyz, x = levels[i - 1]
            below = xyz, block(xyz, up(xyz, x, *below))
        return self.cls(below[1].flatten(0, 1))
