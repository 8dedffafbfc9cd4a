"""The peer: a tuned PyTorch loop, as a process that takes one job a line (JSON) and answers with seconds.

Tensors at hand, one permutation an epoch, batches as slices of the permuted set, gradients set to None, fused or
plain Adam as the caller asks, a validation pass after each epoch.  It runs in an environment of its own.
"""

import itertools
import json
import sys
import time

import numpy as np
import torch
from torch import nn


def network(widths):
    """Linear layers with relu between them."""
    layers = []
    for position, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        layers += [nn.Linear(fan_in, fan_out)] + ([nn.ReLU()] if position < len(widths) - 2 else [])
    return nn.Sequential(*layers)


def train(job, data):
    """Seconds for `epochs` epochs of one network, validation included."""
    torch.manual_seed(job["seed"])
    model = network(job["widths"])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=job["fused"])
    loss_fn = nn.functional.mse_loss if job["autoencoder"] else nn.functional.cross_entropy
    x, y, x_val, y_val = data
    targets, targets_val = (x, x_val) if job["autoencoder"] else (y, y_val)
    batch = job["batch_size"] or len(x)
    started = time.perf_counter()
    for _ in range(job["epochs"]):
        order = torch.randperm(len(x))
        x_epoch, t_epoch = x[order], targets[order]
        for start in range(0, len(x), batch):
            optimizer.zero_grad(set_to_none=True)
            loss_fn(model(x_epoch[start : start + batch]), t_epoch[start : start + batch]).backward()
            optimizer.step()
        with torch.no_grad():
            outputs = model(x_val)
            loss_fn(outputs, targets_val).item()
            if not job["autoencoder"]:
                (outputs.argmax(1) == targets_val).float().mean().item()
    return time.perf_counter() - started


def main():
    cache = {}
    for line in sys.stdin:
        job = json.loads(line)
        torch.set_num_threads(job["threads"])
        if job["data"] not in cache:
            arrays = np.load(job["data"])
            cache[job["data"]] = [torch.tensor(arrays[name]) for name in ("x", "y", "x_val", "y_val")]
        print(json.dumps({"seconds": train(job, cache[job["data"]]), "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
