"""SAM ViT-B's image encoder, one 1024 image, fp32: transformers' SamVisionEncoder with scaled_dot_product_attention.

usage: encoder.py [--warm-up N] [--repeats N] [--threads N]     (torch==2.13.0, transformers==5.24.0)
"""
import common
import torch

common.import_torchvision()
from transformers.models.sam.modeling_sam import SamVisionEncoder, SamVisionSdpaAttention


def main():
    args = common.arguments()
    common.versions("transformers")
    config = common.sam_config()
    config._attn_implementation = "sdpa"
    encoder = SamVisionEncoder(config).eval()
    common.fill_positions(encoder)
    assert isinstance(encoder.layers[0].attn, SamVisionSdpaAttention)
    common.say(parameters=sum(p.numel() for p in encoder.parameters()))
    x = torch.randn(1, 3, 1024, 1024)
    with torch.no_grad():
        common.measure(args, lambda: encoder(x))


if __name__ == "__main__":
    main()
