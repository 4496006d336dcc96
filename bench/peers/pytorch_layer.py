"""One trial of the peer: a layer in PyTorch, as lib/bench/trial.ts times ours. Prints one line of JSON.

As in ours, parameters are float32; in bfloat16 what is computed on is bfloat16, and autocast rounds the parameters in each
forward, as in a training step. Backward is the gradients alone where they need nothing of forward but its inputs, else both.
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F

trial = json.loads(sys.argv[1])
layer, kind = trial["layer"], trial["layer"]["kind"]
device = trial["device"]
dtype = torch.bfloat16 if trial["dtype"] == "bfloat16" else torch.float32
torch.backends.cudnn.allow_tf32 = trial["dtype"] == "tfloat32"
torch.backends.cuda.matmul.allow_tf32 = trial["dtype"] == "tfloat32"
torch.set_num_threads(trial["threads"])
torch.backends.cudnn.benchmark = True


def random(*shape, dtype=torch.float32):
    made = (torch.rand(*shape, device=device) * 2 - 1).to(dtype)
    return made.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else made


parameters = []
if kind == "linear":
    x = random(layer["rows"], layer["inFeatures"], dtype=dtype)
    parameters = [random(layer["outFeatures"], layer["inFeatures"]), random(layer["outFeatures"])]
elif kind == "crossEntropy":
    x = random(layer["rows"], layer["classes"], dtype=dtype)
    labels = torch.zeros(layer["rows"], dtype=torch.int64, device=device)
elif kind == "sgd":
    x = random(layer["parameters"])
    x.grad = random(layer["parameters"])
    optimizer = torch.optim.SGD([x], lr=0.01, momentum=0.9, nesterov=True, fused=True)
else:
    x = random(*layer["input"], dtype=dtype)
    if kind == "conv2d":
        size = layer["kernelSize"]
        parameters = [random(layer["outChannels"], x.shape[1], size, size), random(layer["outChannels"])]


def compute():
    if kind == "conv2d":
        return F.conv2d(x, *parameters, stride=layer["stride"], padding=layer["padding"])
    if kind == "linear":
        return F.linear(x, *parameters)
    if kind == "maxPool2d":
        return F.max_pool2d(x, layer["kernelSize"], layer["stride"])
    if kind == "avgPool2d":
        return F.avg_pool2d(x, layer["kernelSize"], layer["stride"])
    if kind == "crossEntropy":
        return F.cross_entropy(x, labels)
    return F.relu(x) if kind == "relu" else F.dropout(x, 0.5)


def forward():
    with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        return compute()


def update():
    torch.nn.utils.clip_grad_norm_([x], 1)
    optimizer.step()


if kind == "sgd":
    run = update
elif trial["direction"] == "backward":
    inputs = [x, *parameters]
    for tensor in inputs:
        tensor.requires_grad_()
    y = forward()
    dy = torch.rand_like(y)
    needs_forward = kind in ("relu", "maxPool2d", "crossEntropy")

    def run():
        return torch.autograd.grad(forward() if needs_forward else y, inputs, dy, retain_graph=not needs_forward)

else:

    def run():
        with torch.no_grad():
            return forward()


def seconds(runs):
    start = time.perf_counter()
    for _ in range(runs):
        run()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


seconds(2)
runs = 1
while (took := seconds(runs)) < trial["seconds"]:
    runs = math.ceil(runs * min(10, max(1.2, 1.1 * trial["seconds"] / took)))
samples = [seconds(runs) / runs for _ in range(trial["repeats"])]
print(json.dumps({"seconds": samples}))
