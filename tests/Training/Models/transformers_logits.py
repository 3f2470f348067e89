"""Loads a model folder in transformers and writes its logits: python3 transformers_logits.py FOLDER IDS OUT

IDS is a JSON list of token ids. OUT gets the logits of every position, float32, little-endian. Tensors that transformers
misses, does not know or would have to initialise are an error.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM


def main():
    folder, ids, out = sys.argv[1:]
    model, info = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, attn_implementation="eager", output_loading_info=True)
    faults = {kind: sorted(map(str, info[kind])) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if info.get(kind)}
    if faults:
        sys.exit(f"{folder} does not load whole: {faults}")
    model = model.float().eval()
    with open(ids, encoding="utf-8") as file:
        tokens = torch.tensor([json.load(file)])
    with torch.no_grad():
        logits = model(input_ids=tokens, use_cache=False).logits[0].float().contiguous()
    with open(out, "wb") as file:
        file.write(logits.numpy().astype("<f4").tobytes())


if __name__ == "__main__":
    main()
