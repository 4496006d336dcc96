"""One trial of the peer: mlpconv's recipe `fast` in PyTorch until the test accuracy is reached. Prints one line of JSON.

Resizing, which is done once, and compiling are not timed.
"""

import copy
import json
import time

import numpy as np
import torch
from torch import nn

from fashion_mnist import read, resize
from nin import in_mode, nin, read_trial

trial = read_trial()
batch_size = trial["batchSize"]
# Test images go through the network so many at a time; it divides 10,000, so that no other size is compiled.
test_batch = 250


def resident(prefix, count):
    images, labels = read(trial["folder"], prefix, count)
    resized = np.stack([resize(image, trial["size"]) for image in images])
    return torch.from_numpy(resized).unsqueeze(1), torch.from_numpy(labels)


# As lib/models/recipes.ts's identityRule.
def initialize(layer):
    if isinstance(layer, nn.Conv2d):
        if layer.kernel_size == (1, 1):
            nn.init.dirac_(layer.weight)
        else:
            nn.init.kaiming_normal_(layer.weight)
        nn.init.constant_(layer.bias, 0.5 if layer.out_channels < 32 else 0)


train, test = resident("train", trial["train"]), resident("t10k", trial["test"])
net = nin()
net.apply(initialize)
forward, layout = in_mode(net, trial["mode"])
criterion = nn.CrossEntropyLoss()


def normalize(images):
    return images.float().div_(255).sub_(trial["mean"]).div_(trial["std"]).contiguous(memory_format=layout)


def make_optimizer():
    return torch.optim.SGD(net.parameters(), lr=trial["learningRates"][0], momentum=trial["momentum"], nesterov=True)


def step(optimizer, indices, lr):
    images, labels = train
    optimizer.param_groups[0]["lr"] = lr
    optimizer.zero_grad(set_to_none=True)
    loss = criterion(forward(normalize(images[indices])), labels[indices])
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), trial["clipGradNorm"])
    optimizer.step()


def evaluate():
    images, labels = test
    net.eval()
    with torch.no_grad():
        logits = torch.cat([forward(normalize(batch)) for batch in images.split(test_batch)])
    net.train()
    return float((logits.argmax(dim=1) == labels).float().mean())


# What the first calls do once: compile, and choose kernels. The last batch of the epoch is smaller.
initial = copy.deepcopy(net.state_dict())
warm_up = make_optimizer()
for size in {batch_size, trial["train"] % batch_size or batch_size}:
    step(warm_up, torch.arange(size), 0.0)
evaluate()
net.load_state_dict(initial)

optimizer = make_optimizer()
start = time.perf_counter()
order = torch.randperm(trial["train"])
highest = 0.0
rates = trial["learningRates"]
for i, lr in enumerate(rates):
    step(optimizer, order[i * batch_size : (i + 1) * batch_size], lr)
    if (i + 1) % trial["every"] == 0 or i + 1 == len(rates):
        accuracy = evaluate()
        highest = max(highest, accuracy)
        if accuracy >= trial["accuracy"]:
            break
else:
    raise SystemExit(f"the highest test accuracy was {highest}, expected {trial['accuracy']}")
print(json.dumps({"seconds": time.perf_counter() - start}))
