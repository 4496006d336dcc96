"""Exports NiN with the weights of a safetensors file to ONNX, for one input shape."""

import json
import math
import struct
import sys
from pathlib import Path

import torch

from nin import nin

trial = json.loads(sys.argv[1])
content = Path(trial["weights"]).read_bytes()
(header_bytes,) = struct.unpack("<Q", content[:8])
header = json.loads(content[8 : 8 + header_bytes])
state = {}
for name, entry in header.items():
    if name == "__metadata__":
        continue
    count, offset = math.prod(entry["shape"]), 8 + header_bytes + entry["data_offsets"][0]
    assert entry["dtype"] == "F32"
    state[name] = torch.frombuffer(bytearray(content), dtype=torch.float32, count=count, offset=offset).reshape(entry["shape"])
net = nin().eval()
net.load_state_dict(state)
torch.onnx.export(net, (torch.zeros(trial["shape"]),), trial["model"], dynamo=True)
