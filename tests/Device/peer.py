"""The learner's update in PyTorch on the same shapes: log-probs of old and reference weights, two minibatches, clip by global norm, fused AdamW. peer.py DEVICE OUT [--small]"""
import statistics
import sys
import time

import torch
import torch.nn.functional as F

DEVICE, OUT, SMALL = sys.argv[1], sys.argv[2], "--small" in sys.argv
TINY = dict(vocab=1247, hidden=128, layers=4, heads=4, head=32, inner=344)
MIDDLE = dict(vocab=4096, hidden=512, layers=8, heads=8, head=64, inner=1376)


class Model(torch.nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        h, inner, width = s["hidden"], s["inner"], s["heads"] * s["head"]
        self.embedding = torch.nn.Parameter(torch.randn(s["vocab"], h) * 0.02)
        weight = lambda *shape: torch.nn.Parameter(torch.randn(*shape) * shape[-1] ** -0.5)
        self.layers = torch.nn.ModuleList()
        for _ in range(s["layers"]):
            layer = torch.nn.Module()
            layer.q, layer.k, layer.v, layer.o = weight(width, h), weight(width, h), weight(width, h), weight(h, width)
            layer.gate, layer.up, layer.down = weight(inner, h), weight(inner, h), weight(h, inner)
            layer.n1, layer.n2 = torch.nn.Parameter(torch.ones(h)), torch.nn.Parameter(torch.ones(h))
            layer.qn, layer.kn = torch.nn.Parameter(torch.ones(s["head"])), torch.nn.Parameter(torch.ones(s["head"]))
            self.layers.append(layer)
        self.norm = torch.nn.Parameter(torch.ones(h))
        angles = torch.outer(torch.arange(2048.0), 10000.0 ** (-torch.arange(0, s["head"], 2).float() / s["head"]))
        self.register_buffer("cos", torch.cat([angles, angles], -1).cos())
        self.register_buffer("sin", torch.cat([angles, angles], -1).sin())

    def forward(self, ids):
        (b, t), s = ids.shape, self.s
        x = F.embedding(ids, self.embedding)
        cos, sin = self.cos[:t], self.sin[:t]
        half = s["head"] // 2
        rope = lambda y: y * cos + torch.cat([-y[..., half:], y[..., :half]], -1) * sin
        norm = lambda y, w: F.rms_norm(y, (y.shape[-1],), w, 1e-6)
        for l in self.layers:
            h = norm(x, l.n1)
            split = lambda w: F.linear(h, w).view(b, t, s["heads"], s["head"]).transpose(1, 2)
            a = F.scaled_dot_product_attention(rope(norm(split(l.q), l.qn)), rope(norm(split(l.k), l.kn)), split(l.v), is_causal=True)
            x = x + F.linear(a.transpose(1, 2).reshape(b, t, -1), l.o)
            h = norm(x, l.n2)
            x = x + F.linear(F.silu(F.linear(h, l.gate)) * F.linear(h, l.up), l.down)
        return F.linear(norm(x, self.norm)[:, :-1], self.embedding)

    def log_probs(self, ids):
        return self(ids).float().log_softmax(-1).gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)


def sync():
    if DEVICE.startswith("cuda"):
        torch.cuda.synchronize()


def measure(name, shape, sequences, length, rounds, half):
    torch.manual_seed(1)
    policy, reference = Model(shape).to(DEVICE), Model(shape).to(DEVICE)
    reference.load_state_dict(policy.state_dict())
    parameters = sum(p.numel() for p in policy.parameters())
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-4, betas=(0.9, 0.99), fused=True)
    advantages = torch.where(torch.arange(sequences) % 2 == 0, 1.0, -1.0).to(DEVICE).unsqueeze(1)
    rows = max(1, 65536 // length)
    cast = lambda: torch.autocast(DEVICE.split(":")[0], torch.bfloat16, enabled=half)
    seconds = []
    for _ in range(rounds + 1):
        ids = torch.randint(shape["vocab"], (sequences, length))
        sync()
        start = time.perf_counter()
        ids = ids.to(DEVICE)
        with torch.no_grad(), cast():
            old = torch.cat([policy.log_probs(x) for x in ids.split(rows)])
            ref = torch.cat([reference.log_probs(x) for x in ids.split(rows)])
        for part in torch.arange(sequences, device=DEVICE).chunk(2):
            optimizer.zero_grad(set_to_none=True)
            for x in part.split(rows):
                with cast():
                    now = policy.log_probs(ids[x])
                ratio = (now - old[x]).exp()
                loss = -torch.minimum(ratio * advantages[x], ratio.clamp(0.8, 1.2) * advantages[x])
                d = ref[x] - now
                ((loss + 1e-3 * (d.exp() - d - 1)).sum() / (len(part) * (length - 1))).backward()
            norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimizer.step()
            norm.item()
        sync()
        seconds.append(time.perf_counter() - start)
    median, tokens = statistics.median(seconds[1:]), sequences * length
    kind = "bfloat16 autocast" if half else "float32"
    line = f"| PyTorch {torch.__version__} eager, {name} ({parameters / 1e6:.2f} M), {kind}, {sequences} sequences of {length}, {DEVICE} | {median * 1e3:.1f} ms an update, {tokens / median:,.0f} tokens/s, {10 * parameters * tokens / median / 1e12:.3f} useful TFLOP/s | | |"
    print(line, flush=True)
    with open(OUT, "a") as f:
        f.write(line + "\n")


open(OUT, "w").close()
for half in (False, True):
    for name, shape, loads in (("axpo-tiny", TINY, [(128, 64, 5), (1024, 256, 5)]), ("27 M", MIDDLE, [(16, 128, 5), (256, 512, 3)])):
        for sequences, length, rounds in [(8, 16, 1)] if SMALL else loads:
            measure(name, shape, sequences, length, rounds, half)
