"""One trial of the peer: SGD steps of NiN in PyTorch. Prints one line of JSON.

The batch is in memory, resized and normalised beforehand, so that only forward, loss, backward and update are timed.
"""

import json
import resource
import statistics
import time

import torch
from torch import nn

from nin import in_mode, nin, read_trial


def megabytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_reserved() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


trial = read_trial()
device, batch_size, size = trial["device"], trial["batchSize"], trial["size"]
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.allow_tf32 = trial["dtype"] == "tfloat32"
torch.backends.cuda.matmul.allow_tf32 = trial["dtype"] == "tfloat32"
idle = megabytes(device)
net = nin().to(device)
forward, layout = in_mode(net, trial["mode"])
x = torch.rand(batch_size, 1, size, size, device=device).contiguous(memory_format=layout)
y = torch.randint(0, 10, (batch_size,), device=device)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
criterion = nn.CrossEntropyLoss()


def step():
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(device, dtype=torch.bfloat16, enabled=trial["dtype"] == "bfloat16"):
        loss = criterion(forward(x), y)
    loss.backward()
    optimizer.step()


for _ in range(3):
    step()
synchronize(device)
seconds = []
for _ in range(trial["repeats"]):
    start = time.perf_counter()
    for _ in range(trial["steps"]):
        step()
    synchronize(device)
    seconds.append((time.perf_counter() - start) / trial["steps"])
result = {"imagesPerSecond": batch_size / statistics.median(seconds), "megabytesAboveIdle": megabytes(device) - idle}
print(json.dumps(result))
