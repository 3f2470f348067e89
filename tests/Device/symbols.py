"""Which symbols of TorchSharp's binding a libtorch lacks: symbols.py LIB_FOLDER NEEDED AT_LOAD [SHIM.c]

What is looked up when the binding is loaded and is missing goes, zeroed, into SHIM.c; code that uses such a symbol is wrong, but the rest can be tried.
What is missing otherwise matters only to the call that needs it.
"""
import ctypes
import os
import sys

folder, needed, at_load = sys.argv[1:4]
try:
    import torch  # loads its own dependencies in its own way

    print("torch", torch.__version__, "CUDA", torch.version.cuda, "available", torch.cuda.is_available())
except ImportError:
    print("no torch in this python; loading", folder)

names = ["libtorch_cuda.so", "libc10_cuda.so", "libtorch_cpu.so", "libtorch.so", "libc10.so"]
paths = [os.path.join(folder, n) for n in names] + ["libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"]
handles = []
for path in paths:
    try:
        handles.append(ctypes.CDLL(path, mode=os.RTLD_LAZY))
    except OSError as e:
        print("not loaded:", e)


def there(name):
    for handle in handles:
        try:
            getattr(handle, name)
            return True
        except AttributeError:
            pass
    return False


loaded = set(open(at_load).read().split())
wanted = set(open(needed).read().split()) | loaded
missing = sorted(n for n in wanted if not there(n))
fatal = [n for n in missing if n in loaded]
print(f"{len(wanted)} symbols, missing {len(missing)}, of which at load {len(fatal)}")
for name in missing:
    print("  missing", "AT LOAD" if name in loaded else "on call", name)
if len(sys.argv) > 4 and fatal:
    with open(sys.argv[4], "w") as shim:
        for i, name in enumerate(fatal):
            shim.write(f'char axpo_{i}[65536] __asm__("{name}");\n')
