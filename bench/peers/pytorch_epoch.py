"""One trial of the peer: an epoch as "Dive into Deep Learning" runs it, on the CPU. Prints one line of JSON.

The transforms are those of torchvision's Resize and ToTensor.
"""

import json
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from fashion_mnist import read, resize
from nin import in_mode, nin, read_trial


class FashionMnist(Dataset):
    def __init__(self, folder, prefix, count, size):
        self.images, self.labels = read(folder, prefix, count)
        self.size = size

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = torch.from_numpy(resize(self.images[i], self.size).copy())
        return image.unsqueeze(0).float().div(255), self.labels[i]


def initialize(layer):
    if isinstance(layer, nn.Conv2d):
        nn.init.xavier_uniform_(layer.weight)


def correct(logits, y):
    return float((logits.argmax(dim=1) == y).sum())


trial = read_trial()


def loader(prefix, count, shuffle):
    dataset = FashionMnist(trial["folder"], prefix, count, trial["size"])
    return DataLoader(dataset, trial["batchSize"], shuffle=shuffle, num_workers=trial["threads"])


train, test = loader("train", trial["train"], True), loader("t10k", trial["test"], False)
start = time.perf_counter()
net = nin()
net.apply(initialize)
forward, layout = in_mode(net, trial["mode"])
optimizer = torch.optim.SGD(net.parameters(), lr=trial["lr"])
criterion = nn.CrossEntropyLoss()
loss_sum = hits = samples = 0
net.train()
for x, y in train:
    optimizer.zero_grad()
    logits = forward(x.contiguous(memory_format=layout))
    loss = criterion(logits, y)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        loss_sum += float(loss * len(y))
        hits += correct(logits, y)
        samples += len(y)
net.eval()
with torch.no_grad():
    test_hits = sum(correct(forward(x.contiguous(memory_format=layout)), y) for x, y in test)
seconds = time.perf_counter() - start
assert samples == trial["train"] and 0 <= hits <= samples and 0 <= test_hits <= trial["test"]
print(json.dumps({"imagesPerSecond": trial["train"] / seconds}))
