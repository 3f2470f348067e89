using System.Runtime.InteropServices;

namespace Axpo.Training.Generation;

/// <summary>A page of KV memory; full pages may be shared by sessions and are never written again.</summary>
internal sealed unsafe class KvPage(float* data, KvSlab slab)
{
    public float* Data { get; } = data;

    /// <summary>The memory that it is part of.</summary>
    public KvSlab Slab { get; } = slab;

    /// <summary>Holders.</summary>
    public int Holders { get; set; }
}

/// <summary>Memory of several pages.</summary>
internal sealed class KvSlab(nint memory, int pages)
{
    public nint Memory { get; } = memory;

    public int Pages { get; } = pages;

    /// <summary>Pages that nobody holds.</summary>
    public int Free { get; set; }
}

/// <summary>
/// Pages of KV under a byte budget. Memory is taken in slabs when first needed, kept and reused. Owned by the engine's thread; workers read and
/// write inside pages that they were given.
/// </summary>
internal sealed unsafe partial class KvPool : IDisposable
{
    private const long SlabBytes = 16L << 20;
    private const nuint HugePage = 2u << 20;

    private readonly KvLayout _layout;
    private readonly List<KvSlab> _slabs = [];
    private Stack<KvPage> _free = new();
    private int _made;
    private int _inUse;

    public KvPool(KvLayout layout, long budgetBytes)
    {
        _layout = layout;
        Capacity = (int)Math.Min(int.MaxValue, budgetBytes / layout.PageBytes);
    }

    /// <summary>Pages of the budget.</summary>
    public int Capacity { get; }

    /// <summary>Pages held by somebody.</summary>
    public int InUse => Volatile.Read(ref _inUse);

    /// <summary>Bytes held by somebody.</summary>
    public long Bytes => InUse * _layout.PageBytes;

    /// <summary>Runs before a page is handed out; tests make that fail.</summary>
    public Action? BeforeRent { get; set; }

    /// <summary>A page with one holder; its content is what was there before.</summary>
    /// <exception cref="InvalidOperationException">The budget is spent: admission has reserved too little.</exception>
    public KvPage Rent()
    {
        BeforeRent?.Invoke();
        if (_inUse == Capacity)
        {
            throw new InvalidOperationException($"all {Capacity} KV pages are in use although the sequence had reserved its own");
        }

        if (_free.Count == 0)
        {
            Grow();
        }

        var page = _free.Pop();
        page.Holders = 1;
        page.Slab.Free--;
        _inUse++;
        return page;
    }

    /// <summary>One holder less; a page without holders is free.</summary>
    public void Return(KvPage page)
    {
        page.Holders--;
        if (page.Holders == 0)
        {
            _inUse--;
            page.Slab.Free++;
            _free.Push(page);
        }
    }

    /// <summary>A private copy of a page.</summary>
    public KvPage Copy(KvPage page)
    {
        var copy = Rent();
        new ReadOnlySpan<float>(page.Data, _layout.PageFloats).CopyTo(new Span<float>(copy.Data, _layout.PageFloats));
        return copy;
    }

    /// <summary>Gives memory of which no page is held back to the system.</summary>
    public void Trim()
    {
        _free = new Stack<KvPage>(_free.Where(p => p.Slab.Free < p.Slab.Pages).Reverse());
        foreach (var slab in _slabs.Where(s => s.Free == s.Pages))
        {
            NativeMemory.AlignedFree((void*)slab.Memory);
            _made -= slab.Pages;
        }

        _slabs.RemoveAll(s => s.Free == s.Pages);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slab in _slabs)
        {
            NativeMemory.AlignedFree((void*)slab.Memory);
        }

        _slabs.Clear();
        _free.Clear();
    }

    private void Grow()
    {
        // Pages begin at multiples of 64 bytes: 16 tokens of floats are.
        var count = (int)Math.Min(Math.Max(1, SlabBytes / _layout.PageBytes), Capacity - _made);
        var bytes = (nuint)(count * _layout.PageBytes);
        var slab = (float*)NativeMemory.AlignedAlloc(bytes, bytes >= HugePage ? HugePage : 64);
        AskForHugePages(slab, bytes);
        NativeMemory.Clear(slab, bytes);
        var owner = new KvSlab((nint)slab, count) { Free = count };
        _slabs.Add(owner);
        for (var i = count - 1; i >= 0; i--)
        {
            _free.Push(new KvPage(slab + ((long)i * _layout.PageFloats), owner));
        }

        _made += count;
    }

    /// <summary>Attention walks pages that lie far apart: with 4 KiB pages of memory it would wait for address translation (MADV_HUGEPAGE).</summary>
    private static void AskForHugePages(float* memory, nuint bytes)
    {
        if (OperatingSystem.IsLinux() && bytes >= HugePage)
        {
            _ = madvise(memory, bytes, 14);
        }
    }

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
