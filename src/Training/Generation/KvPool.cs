namespace Axpo.Training.Generation;

/// <summary>A page of KV memory; full pages may be shared by sessions and are never written again.</summary>
internal sealed unsafe class KvPage(int index, float* data)
{
    /// <summary>Its number.</summary>
    public int Index { get; } = index;

    /// <summary>Its floats, laid out as <see cref="KvLayout"/> says; null on a device.</summary>
    public float* Data { get; } = data;

    /// <summary>Holders.</summary>
    public int Holders { get; set; }
}

/// <summary>
/// Pages of KV under a byte budget: who holds which, while <see cref="IKvMemory"/> keeps the bytes. Pages that were used before are used again first. Owned by the engine's thread; workers read and
/// write inside pages that they were given.
/// </summary>
internal sealed unsafe class KvPool(KvLayout layout, IKvMemory memory) : IDisposable
{
    private readonly Stack<KvPage> _free = new();
    private int _made;
    private int _inUse;

    /// <summary>Pages in the processor's memory.</summary>
    /// <param name="layout">Layout of a page.</param>
    /// <param name="budgetBytes">Bytes of all pages.</param>
    /// <exception cref="InvalidOperationException">The system does not reserve so much.</exception>
    public KvPool(KvLayout layout, long budgetBytes)
        : this(layout, new HostKvMemory(layout, budgetBytes))
    {
    }

    /// <summary>Pages of the budget.</summary>
    public int Capacity => memory.Pages;

    /// <summary>Pages held by somebody.</summary>
    public int InUse => Volatile.Read(ref _inUse);

    /// <summary>Bytes held by somebody.</summary>
    public long Bytes => InUse * layout.PageBytes;

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

        if (!_free.TryPop(out var page))
        {
            page = new KvPage(_made, memory.Address(_made));
            _made++;
        }

        page.Holders = 1;
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
            _free.Push(page);
        }
    }

    /// <summary>A private copy of a page.</summary>
    public KvPage Copy(KvPage page)
    {
        var copy = Rent();
        memory.Copy(page.Index, copy.Index);
        return copy;
    }

    /// <summary>Gives the memory of free pages back to the system.</summary>
    public void Trim()
    {
        // The first come first again: what is in use stays together.
        KvPage[] free = [.. _free.OrderByDescending(p => p.Index)];
        _free.Clear();
        foreach (var page in free)
        {
            _free.Push(page);
        }

        memory.Discard([.. free.Reverse().Select(p => p.Index)]);
    }

    /// <inheritdoc/>
    public void Dispose() => memory.Dispose();
}
