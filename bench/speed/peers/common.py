"""Arguments, timing and JSON lines of the peers: the Python side of bench/speed/protocol.ts."""
import argparse
import importlib.metadata
import json
import resource
import sys
import time

import torch

TORCHVISION = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float scale, SymInt h, SymInt w, int ratio, bool aligned) -> Tensor",
    "roi_pool(Tensor input, Tensor rois, float scale, SymInt h, SymInt w) -> (Tensor, Tensor)",
    "ps_roi_align(Tensor input, Tensor rois, float scale, SymInt h, SymInt w, int ratio) -> (Tensor, Tensor)",
    "ps_roi_pool(Tensor input, Tensor rois, float scale, SymInt h, SymInt w) -> (Tensor, Tensor)",
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, "
    "SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, bool use_mask) -> Tensor",
)


def import_torchvision():
    """torchvision's wheel is built for one kind of torch; on another its operators must be declared before its Python part imports."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for signature in TORCHVISION:
            library.define(signature)
        import torchvision  # noqa: F401


def arguments(*own):
    """The common arguments and the program's own, given as (name, default)."""
    parser = argparse.ArgumentParser()
    for name, default in (("warm-up", 1), ("repeats", 5), ("threads", 2), *own):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    return args


def say(**line):
    print(json.dumps(line), flush=True)


def peak_bytes():
    """VmHWM where there is one: ru_maxrss of a child starts at what its parent had."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(args, work):
    """Does the work so often; says the time of each repeat after the warm-up and, at the end, the peak."""
    for i in range(args.warm_up + args.repeats):
        began = time.perf_counter()
        work()
        if i >= args.warm_up:
            say(seconds=time.perf_counter() - began)
    say(peakBytes=peak_bytes())


def versions(*packages):
    """Says the versions of the packages a peer is made of."""
    say(versions={"python": sys.version.split()[0], **{name: importlib.metadata.version(name) for name in ("torch", *packages)}})


def training_step(model, logits, labels):
    """A step with the defaults of `seg train`: cross entropy without the pixels of 255, AdamW at 3e-4."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=3e-4, weight_decay=0.01)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits(), labels, ignore_index=255)
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)

    return step


def sam_config():
    """SAM ViT-B. Its own initializer_range of 1e-10 would fill everything with denormal numbers, which are slow."""
    from transformers import SamVisionConfig

    return SamVisionConfig(initializer_range=0.02)


def fill_positions(encoder):
    """Position embeddings start at zero; a trained model's are not."""
    for name, value in encoder.named_parameters():
        if "pos" in name:
            torch.nn.init.normal_(value, std=0.02)
