"""One trial of the peer: a layer in PyTorch, as lib/bench/trial.ts times ours. Prints one line of JSON."""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F

trial = json.loads(sys.argv[1])
layer, kind = trial["layer"], trial["layer"]["kind"]
device = "cpu" if trial["device"] == "cpu" else "cuda"
dtype = torch.bfloat16 if trial["dtype"] == "bfloat16" else torch.float32
torch.set_num_threads(trial["threads"])
torch.backends.cudnn.benchmark = True


def random(*shape):
    made = torch.rand(*shape, device=device) * 2 - 1
    made = made.to(dtype)
    return made.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else made


if kind == "linear":
    x = random(layer["rows"], layer["inFeatures"])
    parameters = [random(layer["outFeatures"], layer["inFeatures"]), random(layer["outFeatures"])]
else:
    x = random(*layer["input"])
    size = layer.get("kernelSize")
    parameters = [random(layer["outChannels"], x.shape[1], size, size), random(layer["outChannels"])] if kind == "conv2d" else []


def forward():
    if kind == "conv2d":
        return F.conv2d(x, *parameters, stride=layer["stride"], padding=layer["padding"])
    if kind == "linear":
        return F.linear(x, *parameters)
    if kind == "maxPool2d":
        return F.max_pool2d(x, layer["kernelSize"], layer["stride"])
    if kind == "avgPool2d":
        return F.avg_pool2d(x, layer["kernelSize"], layer["stride"])
    return F.relu(x) if kind == "relu" else F.dropout(x, 0.5)


if trial["direction"] == "backward":
    inputs = [x, *parameters]
    for tensor in inputs:
        tensor.requires_grad_()
    y = forward()
    dy = torch.rand_like(y)

    def run():
        return torch.autograd.grad(y, inputs, dy, retain_graph=True)

else:

    def run():
        with torch.no_grad():
            return forward()


def seconds(runs):
    start = time.perf_counter()
    for _ in range(runs):
        run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


seconds(2)
runs = 1
while (took := seconds(runs)) < trial["seconds"]:
    runs = math.ceil(runs * min(10, max(1.2, 1.1 * trial["seconds"] / took)))
samples = [seconds(runs) / runs for _ in range(trial["repeats"])]
print(json.dumps({"seconds": samples, "flops": 0, "bytes": 0, "parameters": 0, "memory": 0}))
