"""Reference for bench/camvid: the same training in PyTorch with segmentation_models.pytorch 0.6.0 (torch 2.13.0, CPU).

usage: reference.py DUMP CAMVID OUT.json
DUMP is what bench/camvid/dump.ts wrote: recipe.json, initial.safetensors and one step-NNNN.safetensors (image, labels) a step.
Prints a line a 20 steps; OUT.json holds losses, validation mIoU (classes absent from both left out) and seconds.
"""
import json
import os
import sys
import time

sys.path.insert(0, os.environ.get("TORCHVISION_CPU", "."))
try:
    import torchvision_cpu  # noqa: F401  (declares torchvision's operators on a CPU build of torch)
except ImportError:
    pass
import numpy as np
import segmentation_models_pytorch as smp
import torch
from PIL import Image
from safetensors.torch import load_file


def confusion(model, root, recipe):
    """Exact integer confusion matrix over the validation split, images zero-padded right and bottom to a multiple of 32."""
    classes = recipe["classes"]
    matrix = np.zeros((classes, classes), np.int64)
    mean, std = torch.tensor(recipe["mean"]), torch.tensor(recipe["std"])
    model.eval()
    for name in sorted(os.listdir(f"{root}/val")):
        pixels = torch.from_numpy(np.array(Image.open(f"{root}/val/{name}").convert("RGB"))).float()
        height, width = pixels.shape[:2]
        x = ((pixels - mean) / std).permute(2, 0, 1)[None]
        x = torch.nn.functional.pad(x, (0, -width % 32, 0, -height % 32))
        with torch.no_grad():
            predicted = model(x)[0, :, :height, :width].argmax(0).numpy()
        truth = np.array(Image.open(f"{root}/valannot/{name}"))
        kept = truth < classes
        matrix += np.bincount(truth[kept].astype(np.int64) * classes + predicted[kept], minlength=classes**2).reshape(classes, classes)
    return matrix


def main(dump, root, out):
    recipe = json.load(open(f"{dump}/recipe.json"))
    torch.set_num_threads(recipe["threads"])
    model = smp.Unet("resnet18", encoder_weights=None, classes=recipe["classes"])
    state = load_file(f"{dump}/initial.safetensors")
    missing = model.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys and all(k.endswith("num_batches_tracked") for k in missing.missing_keys), missing
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe["lr"], weight_decay=recipe["weightDecay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=recipe["lr"], total_steps=recipe["steps"])
    losses, started = [], time.time()
    for step in range(recipe["steps"]):
        batch = load_file(f"{dump}/step-{step:04d}.safetensors")
        x = batch["image"].contiguous(memory_format=torch.channels_last)
        loss = torch.nn.functional.cross_entropy(model(x), batch["labels"].long(), ignore_index=255)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 20 == 19:
            print(f"step {step + 1} loss {np.mean(losses[-20:]):.4f} {(time.time() - started) / (step + 1):.2f} s/step", flush=True)
    seconds = time.time() - started
    matrix = confusion(model, root, recipe)
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    iou = np.where(union > 0, matrix.diagonal() / np.maximum(union, 1), np.nan)
    report = {"mIoU": float(np.nanmean(iou)), "iou": iou.tolist(), "losses": losses, "trainSeconds": seconds,
              "totalSeconds": time.time() - started, "torch": torch.__version__, "smp": smp.__version__}
    json.dump(report, open(out, "w"))
    print(json.dumps({k: report[k] for k in ("mIoU", "trainSeconds", "totalSeconds")}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
