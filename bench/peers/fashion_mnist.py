"""Fashion-MNIST from its four files."""

from pathlib import Path

import numpy as np
from PIL import Image


def read(folder, prefix, count=None):
    """The first images, uint8 [count, 28, 28], and their labels, int64."""
    images = np.frombuffer(Path(folder, f"{prefix}-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer(Path(folder, f"{prefix}-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    return images.reshape(-1, 28, 28)[:count], labels[:count].astype(np.int64)


def resize(image, size):
    """An image as Pillow and so torchvision resizes it."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
