"""The networks our models are compared with, in torch: ViTDet's simple pyramid (src/pyramids.ts) before a decoder of segmentation_models.pytorch."""
import torch
from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import nn

WIDTH = 256


class LayerNorm2d(nn.LayerNorm):
    """Over the channels of NCHW; with channels_last the permutations are free."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def neck(channels):
    return [
        nn.Conv2d(channels, WIDTH, 1, bias=False),
        LayerNorm2d(WIDTH, eps=1e-6),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
        LayerNorm2d(WIDTH, eps=1e-6),
    ]


class SimplePyramid(nn.Module):
    """Strides 4, 8, 16, 32 from a map of stride 16 (detectron2's SimpleFeaturePyramid)."""

    def __init__(self, channels=256):
        super().__init__()
        half = channels // 2
        stride4 = [nn.ConvTranspose2d(channels, half, 2, 2), LayerNorm2d(half, eps=1e-6), nn.GELU(), nn.ConvTranspose2d(half, half // 2, 2, 2)]
        stride8 = [nn.ConvTranspose2d(channels, half, 2, 2)]
        self.levels = nn.ModuleList(
            [
                nn.Sequential(*stride4, *neck(half // 2)),
                nn.Sequential(*stride8, *neck(half)),
                nn.Sequential(*neck(channels)),
                nn.Sequential(nn.MaxPool2d(2), *neck(channels)),
            ]
        )

    def forward(self, x):
        return [level(x) for level in self.levels]


class CachedSegmenter(nn.Module):
    """Embedding [B, 256, H/16, W/16] to scores [B, classes, H, W]."""

    def __init__(self, decoder, classes):
        super().__init__()
        self.pyramid = SimplePyramid()
        if decoder == "unet":
            # no map of stride 2: that block has no skip, as the last one
            self.decoder = UnetDecoder([3, 0, WIDTH, WIDTH, WIDTH, WIDTH], [256, 128, 64, 32, 16])
            self.head = SegmentationHead(16, classes, kernel_size=3)
        else:
            self.decoder = FPNDecoder([WIDTH] * 4, encoder_depth=4)
            self.head = SegmentationHead(128, classes, kernel_size=1, upsampling=4)

    def forward(self, embedding):
        levels = self.pyramid(embedding)
        if isinstance(self.decoder, FPNDecoder):
            return self.head(self.decoder(levels))
        x, *skips = levels[::-1]
        for i, block in enumerate(self.decoder.blocks):
            height, width = (2 * side for side in x.shape[2:])
            x = block(x, height, width, skip_connection=skips[i] if i < len(skips) else None)
        return self.head(x)
