"""Training step of a decoder on a cached 64x64x256 embedding, mask 1024x1024: ViTDet's simple pyramid, then UNet or FPN of
segmentation_models.pytorch and its head; cross entropy, AdamW.

usage: smp_decoder.py [--decoder unet | fpn] [--batch 1] [--classes 11] [--warm-up N] [--repeats N] [--threads N]
(torch==2.13.0, segmentation-models-pytorch==0.6.0)
"""
import common
import torch

common.import_torchvision()
from networks import CachedSegmenter


def main():
    args = common.arguments(("decoder", "unet"), ("batch", 1), ("classes", 11))
    common.versions("segmentation_models_pytorch")
    model = CachedSegmenter(args.decoder, args.classes).to(memory_format=torch.channels_last).train()
    common.say(parameters=sum(p.numel() for p in model.parameters()))
    embedding = torch.randn(args.batch, 256, 64, 64).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(args.classes, (args.batch, 1024, 1024))
    common.measure(args, common.training_step(model, lambda: model(embedding), labels))


if __name__ == "__main__":
    main()
