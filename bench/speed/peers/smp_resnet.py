"""ResNet-18 + UNet of segmentation_models.pytorch, channels_last: a training step (cross entropy, AdamW) or inference.

usage: smp_resnet.py [--work step | predict] [--size 256] [--batch 8] [--classes 11] [--warm-up N] [--repeats N] [--threads N]
(torch==2.13.0, segmentation-models-pytorch==0.6.0)
"""
import common
import torch

common.import_torchvision()
import segmentation_models_pytorch as smp


def main():
    args = common.arguments(("work", "step"), ("size", 256), ("batch", 8), ("classes", 11))
    common.versions("segmentation_models_pytorch")
    model = smp.Unet("resnet18", encoder_weights=None, classes=args.classes).to(memory_format=torch.channels_last)
    common.say(parameters=sum(p.numel() for p in model.parameters()))
    x = torch.randn(args.batch, 3, args.size, args.size).contiguous(memory_format=torch.channels_last)
    if args.work == "predict":
        model.eval()
        with torch.no_grad():
            common.measure(args, lambda: model(x))
        return
    labels = torch.randint(args.classes, (args.batch, args.size, args.size))
    common.measure(args, common.training_step(model.train(), lambda: model(x), labels))


if __name__ == "__main__":
    main()
