"""Random SAM ViT-B weights from Meta's own code in three spellings, and its embedding of a photo.

usage: reference.py PHOTO FOLDER     (torch==2.13.0, segment-anything==1.0, transformers, timm, safetensors, numpy, pillow)
Writes FOLDER/meta.pth, huggingface.safetensors, timm.safetensors, pixels.npy (the resized uint8 photo) and embedding.npy [1, 256, 64, 64].
The other two spellings come from the state dicts of the libraries' own models, loaded strictly with Meta's numbers.
"""
import os
import sys

sys.path.insert(0, os.environ.get("TORCHVISION_CPU", "."))
try:
    import torchvision_cpu  # noqa: F401  (declares torchvision's operators on a CPU build of torch)
except ImportError:
    pass
import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from segment_anything import sam_model_registry
from segment_anything.utils.transforms import ResizeLongestSide
from timm.models import vision_transformer_sam
from transformers import SamConfig, SamModel

RENAMES = [("layers.", "blocks."), ("layer_norm1", "norm1"), ("layer_norm2", "norm2"), ("patch_embed.projection", "patch_embed.proj")]
NECK = {"neck.conv1": "neck.0", "neck.layer_norm1": "neck.1", "neck.conv2": "neck.2", "neck.layer_norm2": "neck.3"}


def meta_name(name):
    """Meta's name of a tensor of Hugging Face's vision encoder."""
    for theirs, ours in NECK.items():
        if name.startswith(theirs + "."):
            return name.replace(theirs, ours)
    for theirs, ours in RENAMES:
        name = name.replace(theirs, ours)
    return name


def main(photo, folder):
    torch.manual_seed(0)
    sam = sam_model_registry["vit_b"]().eval()
    encoder = sam.image_encoder
    for name, value in encoder.named_parameters():  # zeros at first, which would hide mistakes
        if "pos" in name:
            torch.nn.init.normal_(value, std=0.1)
    torch.save(sam.state_dict(), f"{folder}/meta.pth")
    state = encoder.state_dict()

    hugging = SamModel(SamConfig()).eval()
    wanted = hugging.vision_encoder.state_dict()
    hugging.vision_encoder.load_state_dict({name: state[meta_name(name)] for name in wanted}, strict=True)
    save_file({k: v.contiguous() for k, v in hugging.state_dict().items() if k != "prompt_encoder.shared_embedding.positional_embedding"},
              f"{folder}/huggingface.safetensors")

    timm_model = timm.create_model("samvit_base_patch16", num_classes=0).eval()
    timm_model.load_state_dict(vision_transformer_sam.checkpoint_filter_fn(dict(sam.state_dict()), timm_model), strict=True)
    save_file(timm_model.state_dict(), f"{folder}/timm.safetensors")

    pixels = ResizeLongestSide(1024).apply_image(np.array(Image.open(photo).convert("RGB")))
    np.save(f"{folder}/pixels.npy", pixels)
    x = sam.preprocess(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())
    with torch.no_grad():
        embedding = encoder(x)
        for name, other in (("Hugging Face", hugging.vision_encoder(x).last_hidden_state), ("timm", timm_model.forward_features(x))):
            print(f"{name} against Meta: {(embedding - other).abs().max():.1e}")
    np.save(f"{folder}/embedding.npy", embedding.numpy())


if __name__ == "__main__":
    main(*sys.argv[1:3])
