"""Network in Network in PyTorch, and PyTorch's modes."""

import json
import sys

import torch
from torch import nn


def read_trial():
    """What the trial is told, and PyTorch set to it."""
    trial = json.loads(sys.argv[1])
    torch.set_num_threads(trial["threads"])
    torch.manual_seed(trial.get("seed", 0))
    return trial


def nin_block(channels_in, channels_out, kernel, stride, padding):
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, padding),
        nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, 1),
        nn.ReLU(),
        nn.Conv2d(channels_out, channels_out, 1),
        nn.ReLU(),
    )


def nin():
    return nn.Sequential(
        nin_block(1, 96, 11, 4, 0),
        nn.MaxPool2d(3, 2),
        nin_block(96, 256, 5, 1, 2),
        nn.MaxPool2d(3, 2),
        nin_block(256, 384, 3, 1, 1),
        nn.MaxPool2d(3, 2),
        nn.Dropout(0.5),
        nin_block(384, 10, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.Flatten(),
    )


def in_mode(net, mode):
    """What to call for the network in a mode, and the memory format of its input.

    `compile <mode of torch.compile>` is channels_last too.
    """
    if mode == "eager":
        return net, torch.contiguous_format
    net.to(memory_format=torch.channels_last)
    forward = torch.compile(net, mode=mode.split()[1]) if mode.startswith("compile ") else net
    return forward, torch.channels_last
