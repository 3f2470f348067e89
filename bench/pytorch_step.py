"""The learner's train step in plain PyTorch: what one writes first, for `dotnet run -c Release --project bench -- pytorch`.

Reads a shape as one JSON line, answers "ready VERSION GFLOPS", then does one update for every line "go", or decodes for a line
"decode SEQUENCES PROMPT_TOKENS NEW_TOKENS", and answers its seconds.
The same passes as ours: log-probs of the generating weights and of a frozen reference without gradients (unless withReference is
false), then one clipped policy-gradient step with k3 divergence a minibatch, gradient norm clipped to 1, AdamW.
"""

import copy
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def attend(q, k, v, causal):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if not causal:
        return scores.softmax(-1) @ v
    mask = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
    return scores.masked_fill(mask, -math.inf).softmax(-1) @ v


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.heads, self.kv, self.dim = s["heads"], s["kvHeads"], s["headDim"]
        hidden, wide = s["hidden"], s["intermediate"]
        self.before, self.after = Norm(hidden), Norm(hidden)
        self.q = nn.Linear(hidden, self.heads * self.dim, bias=False)
        self.k = nn.Linear(hidden, self.kv * self.dim, bias=False)
        self.v = nn.Linear(hidden, self.kv * self.dim, bias=False)
        self.o = nn.Linear(self.heads * self.dim, hidden, bias=False)
        self.q_norm, self.k_norm = (Norm(self.dim), Norm(self.dim)) if s["qkNorm"] else (nn.Identity(), nn.Identity())
        self.gate = nn.Linear(hidden, wide, bias=False)
        self.up = nn.Linear(hidden, wide, bias=False)
        self.down = nn.Linear(wide, hidden, bias=False)

    def forward(self, x, cos, sin, cache=None, at=0):
        batch, length, _ = x.shape
        h = self.before(x)
        q = rotate(self.q_norm(self.q(h).view(batch, length, self.heads, self.dim)).transpose(1, 2), cos, sin)
        k = rotate(self.k_norm(self.k(h).view(batch, length, self.kv, self.dim)).transpose(1, 2), cos, sin)
        v = self.v(h).view(batch, length, self.kv, self.dim).transpose(1, 2)
        if cache is not None:
            end = at + length
            cache[0][:, :, at:end], cache[1][:, :, at:end] = k, v
            k, v = cache[0][:, :, :end], cache[1][:, :, :end]
        if self.kv != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.kv, 1) for t in (k, v))
        x = x + self.o(attend(q, k, v, causal=length > 1).transpose(1, 2).reshape(batch, length, -1))
        h = self.after(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Decoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.embedding = nn.Embedding(s["vocabulary"], s["hidden"])
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s["layers"]))
        self.norm = Norm(s["hidden"])
        angles = torch.arange(s["length"])[:, None] * 10000.0 ** (-torch.arange(0, s["headDim"], 2) / s["headDim"])
        self.cos, self.sin = torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin()

    def log_probs(self, ids):
        """Log-probs of every token after the first."""
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = F.linear(self.norm(x)[:, :-1], self.embedding.weight)
        return logits.log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(2)

    def decode(self, sequences, prompt, count):
        """Seconds for so many sampled tokens of each sequence after the first."""
        block = self.blocks[0]
        caches = [torch.zeros(2, sequences, block.kv, prompt + count + 1, block.dim) for _ in self.blocks]
        ids, at = torch.randint(self.embedding.num_embeddings, (sequences, prompt)), 0
        start = 0.0
        with torch.no_grad():
            for token in range(count + 1):
                if token == 1:
                    start = time.perf_counter()
                end = at + ids.shape[1]
                x = self.embedding(ids)
                for block, cache in zip(self.blocks, caches):
                    x = block(x, self.cos[at:end], self.sin[at:end], cache, at)
                logits = F.linear(self.norm(x[:, -1]), self.embedding.weight)
                ids, at = torch.multinomial(logits.softmax(-1), 1), end
        return time.perf_counter() - start


def update(policy, reference, optimizer, ids, advantages, minibatches):
    old = base = None
    if reference is not None:
        with torch.no_grad():
            old, base = policy.log_probs(ids), reference.log_probs(ids)
    for rows in torch.arange(len(ids)).chunk(minibatches):
        optimizer.zero_grad(set_to_none=True)
        current = policy.log_probs(ids[rows])
        ratio = (current - (current.detach() if old is None else old[rows])).exp()
        advantage = advantages[rows, None]
        surrogate = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.4) * advantage)
        divergence = 0
        if base is not None:
            delta = base[rows] - current
            divergence = 1e-3 * (delta.exp() - delta - 1)
        loss = (divergence - surrogate).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()


def product():
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return 2 * 1024**3 / best / 1e9


def main():
    shape = json.loads(sys.stdin.readline())
    torch.set_num_threads(shape["threads"])
    torch.manual_seed(1)
    policy = Decoder(shape)
    reference = copy.deepcopy(policy).requires_grad_(False) if shape["withReference"] else None
    options = {"fused": True} if torch.__version__ >= "2.4" else {}
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, betas=(0.9, 0.99), weight_decay=0, **options)
    ids = torch.randint(shape["vocabulary"], (shape["sequences"], shape["length"]))
    advantages = torch.tensor([1.0, -1.0]).repeat(shape["sequences"] // 2)
    print("ready", torch.__version__, f"{product():.0f}", flush=True)
    for line in iter(sys.stdin.readline, ""):
        if line.startswith("decode"):
            print(policy.decode(*map(int, line.split()[1:])), flush=True)
            continue
        start = time.perf_counter()
        update(policy, reference, optimizer, ids, advantages, shape["minibatches"])
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
