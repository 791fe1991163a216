"""SAM ViT-B fine-tuned on one 1024 image, whole or with LoRA on qkv: transformers' SamVisionModel with SDPA, every block checkpointed, then ViTDet's
simple pyramid and SMP's UNet; cross entropy, AdamW.

usage: sam_tune.py [--tune full | lora] [--rank 8] [--classes 11] [--warm-up N] [--repeats N] [--threads N]
(torch==2.13.0, transformers==5.24.0, segmentation-models-pytorch==0.6.0, peft==0.18.0)
"""
import common
import torch

common.import_torchvision()
from networks import CachedSegmenter
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import SamVisionModel


class Segmenter(nn.Module):
    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder
        self.rest = CachedSegmenter("unet", classes).to(memory_format=torch.channels_last)

    def forward(self, image):
        embedding = self.encoder(image).last_hidden_state
        return self.rest(embedding.contiguous(memory_format=torch.channels_last))


def main():
    args = common.arguments(("tune", "full"), ("rank", 8), ("classes", 11))
    common.versions("transformers", "segmentation_models_pytorch", "peft")
    encoder = SamVisionModel._from_config(common.sam_config(), attn_implementation="sdpa")
    common.fill_positions(encoder)
    encoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if args.tune == "lora":
        encoder = get_peft_model(encoder, LoraConfig(r=args.rank, lora_alpha=2 * args.rank, target_modules=["qkv"]))
    model = Segmenter(encoder, args.classes).train()
    checkpointed = [layer for layer in model.modules() if getattr(layer, "gradient_checkpointing", False)]
    assert len(checkpointed) >= 12, "every block must be checkpointed"
    common.say(parameters=sum(p.numel() for p in model.parameters() if p.requires_grad))
    image = torch.randn(1, 3, 1024, 1024)
    labels = torch.randint(args.classes, (1, 1024, 1024))
    common.measure(args, common.training_step(model, lambda: model(image), labels))


if __name__ == "__main__":
    main()
