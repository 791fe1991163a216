"""The plain UNet step of bench/step/network.ts in torch: same network, same initial values, plain SGD.

usage: plain_unet.py [--layout channels_last | default] [--warm-up N] [--repeats N] [--threads N]     (torch==2.13.0)
"""
import math

import common
import torch
from torch import nn

SIDE = 64
CHANNELS = [256, 128, 64, 32, 16]


def block(wide, narrow):
    conv = lambda channels: nn.Conv2d(channels, narrow, 3, padding=1, bias=False)  # noqa: E731
    norm = lambda: [nn.BatchNorm2d(narrow), nn.ReLU(inplace=True)]  # noqa: E731
    return [nn.Upsample(scale_factor=2), conv(wide), *norm(), conv(narrow), *norm()]


def draws():
    """The spike's linear congruential generator, -0.5 .. 0.5."""
    seed = 1
    while True:
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        yield seed / 0x7FFFFFFF - 0.5


def filled(shape, random, scale):
    return torch.tensor([next(random) * scale for _ in range(math.prod(shape))], dtype=torch.float32).reshape(shape)


def main():
    args = common.arguments(("layout", "channels_last"))
    common.versions()
    layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
    random = draws()
    x = filled([1, CHANNELS[0], SIDE, SIDE], random, 2).contiguous(memory_format=layout)
    at = torch.arange(SIDE * 16) >> 5
    y = ((at[:, None] + at) & 1).float()[None, None]
    blocks = [layer for wide, narrow in zip(CHANNELS, CHANNELS[1:]) for layer in block(wide, narrow)]
    model = nn.Sequential(*blocks, nn.Conv2d(CHANNELS[-1], 1, 3, padding=1))
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = filled(layer.weight.shape, random, 2 * math.sqrt(3 / (9 * layer.in_channels)))
    nn.init.zeros_(model[-1].bias)
    model = model.to(memory_format=layout).train()
    common.say(parameters=sum(p.numel() for p in model.parameters()))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        optimizer.step()
        common.say(loss=loss.item())

    common.measure(args, step)


if __name__ == "__main__":
    main()
