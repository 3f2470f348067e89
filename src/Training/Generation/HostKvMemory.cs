using System.Globalization;
using System.Runtime.InteropServices;

namespace Axpo.Training.Generation;

/// <summary>
/// Pages in the processor's memory, side by side in one range of addresses, laid out as <see cref="KvLayout"/> says. On Linux the range is only reserved (anonymous, not counted against the system's promises):
/// a page costs memory from its first use until it is discarded.
/// </summary>
internal sealed unsafe partial class HostKvMemory : IKvMemory
{
    private const nuint HugePage = 2u << 20;
    private const int ReadAndWrite = 1 | 2;
    private const int PrivateAnonymousNoReserve = 0x02 | 0x20 | 0x4000;
    private const int DontNeed = 4;
    private const int HugePages = 14;

    private readonly KvLayout _layout;
    private readonly float* _pages;
    private readonly nuint _length;
    private void* _memory;

    /// <param name="layout">Layout of a page.</param>
    /// <param name="budgetBytes">Bytes of all pages.</param>
    /// <exception cref="InvalidOperationException">The system does not reserve so much.</exception>
    public HostKvMemory(KvLayout layout, long budgetBytes)
    {
        _layout = layout;
        Pages = (int)Math.Min(int.MaxValue, budgetBytes / layout.PageBytes);

        // Begins at a huge page: attention walks pages that lie far apart, and with pages of 4 KiB it would wait for address translation.
        _length = (nuint)(Pages * layout.PageBytes) + HugePage;
        if (!OperatingSystem.IsLinux())
        {
            _memory = Allocate(_length);
            _pages = (float*)_memory;
            return;
        }

        _memory = mmap(null, _length, ReadAndWrite, PrivateAnonymousNoReserve, -1, 0);
        if ((nint)_memory == -1)
        {
            _memory = null;
            throw Refused(Marshal.GetLastPInvokeErrorMessage());
        }

        _pages = (float*)(((nuint)_memory + HugePage - 1) & ~(HugePage - 1));
        _ = madvise(_pages, _length - HugePage, HugePages);
    }

    /// <inheritdoc/>
    public int Pages { get; }

    /// <inheritdoc/>
    public float* Address(int page) => _pages + ((long)page * _layout.PageFloats);

    /// <inheritdoc/>
    public void Copy(int from, int to) => new ReadOnlySpan<float>(Address(from), _layout.PageFloats).CopyTo(new Span<float>(Address(to), _layout.PageFloats));

    /// <inheritdoc/>
    public void Discard(ReadOnlySpan<int> pages)
    {
        for (var first = 0; OperatingSystem.IsLinux() && first < pages.Length;)
        {
            var end = first + 1;
            while (end < pages.Length && pages[end] == pages[end - 1] + 1)
            {
                end++;
            }

            // Whole pages of the system only: their neighbours may be in use.
            var system = (nuint)Environment.SystemPageSize;
            var from = ((nuint)Address(pages[first]) + system - 1) & ~(system - 1);
            var to = (nuint)Address(pages[end - 1] + 1) & ~(system - 1);
            if (from < to)
            {
                _ = madvise((void*)from, to - from, DontNeed);
            }

            first = end;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_memory is null)
        {
            return;
        }

        if (OperatingSystem.IsLinux())
        {
            _ = munmap(_memory, _length);
        }
        else
        {
            NativeMemory.AlignedFree(_memory);
        }

        _memory = null;
    }

    private void* Allocate(nuint bytes)
    {
        try
        {
            return NativeMemory.AlignedAlloc(bytes, 64);
        }
        catch (OutOfMemoryException e)
        {
            throw Refused(e.Message);
        }
    }

    private InvalidOperationException Refused(string why) => new(string.Create(
        CultureInfo.InvariantCulture, $"engine.kvMebibytes: the system does not reserve {_length >> 20} MiB for KV pages ({why}); lower it"));

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nuint length, int advice);
}
