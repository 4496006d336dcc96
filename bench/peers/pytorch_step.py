"""One trial of the peer: SGD steps of NiN in PyTorch. Prints one line of JSON.

The batch is in memory, resized and normalised beforehand, so that only forward, loss, backward and update are timed.
"""

import argparse
import json
import resource
import time

import torch
from torch import nn


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


def megabytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_reserved() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["eager", "channels_last", "compile"], required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], required=True)
    parser.add_argument("--dtype", choices=["float32", "tfloat32", "bfloat16"], required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = options.device
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = options.dtype == "tfloat32"
    torch.backends.cuda.matmul.allow_tf32 = options.dtype == "tfloat32"
    idle = megabytes(device)
    net = nin().to(device)
    x = torch.rand(options.batch_size, 1, options.size, options.size, device=device)
    y = torch.randint(0, 10, (options.batch_size,), device=device)
    if options.mode != "eager":
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    forward = torch.compile(net, mode="max-autotune") if options.mode == "compile" else net
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
    criterion = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=options.dtype == "bfloat16"):
            loss = criterion(forward(x), y)
        loss.backward()
        optimizer.step()

    for _ in range(3):
        step()
    synchronize(device)
    seconds = []
    for _ in range(options.repeats):
        start = time.perf_counter()
        for _ in range(options.steps):
            step()
        synchronize(device)
        seconds.append((time.perf_counter() - start) / options.steps)
    print(
        json.dumps(
            {"secondsPerStep": seconds, "idleMegabytes": idle, "peakMegabytes": megabytes(device), "version": torch.__version__}
        )
    )


if __name__ == "__main__":
    main()
