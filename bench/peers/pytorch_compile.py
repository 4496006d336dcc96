"""One trial of the peer: torch.compile and the first step. Prints one line of JSON."""

import os

# What an earlier trial compiled would be found again.
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"

import json  # noqa: E402
import time  # noqa: E402

import torch  # noqa: E402
from torch import nn  # noqa: E402

from nin import in_mode, nin, read_trial  # noqa: E402

trial = read_trial()
net = nin()
x = torch.rand(trial["batchSize"], 1, trial["size"], trial["size"])
y = torch.randint(0, 10, (trial["batchSize"],))
criterion = nn.CrossEntropyLoss()
start = time.perf_counter()
forward, layout = in_mode(net, trial["mode"])
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True)
criterion(forward(x.contiguous(memory_format=layout)), y).backward()
optimizer.step()
print(json.dumps({"seconds": time.perf_counter() - start}))
