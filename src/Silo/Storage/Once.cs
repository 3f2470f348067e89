namespace Axpo.Silo.Storage;

/// <summary>Something that is made once, on first use, and made anew if that failed: a fault of a moment (a folder out of reach) must not stay.</summary>
/// <typeparam name="T">What is made.</typeparam>
/// <param name="make">Makes it.</param>
internal sealed class Once<T>(Func<Task<T>> make)
{
    private readonly Lock _gate = new();
    private Task<T>? _made;

    /// <summary>It, or its failure; null: nobody asked for it yet.</summary>
    public Task<T>? Made => _made;

    /// <summary>It; made now if it was not, or if making it failed.</summary>
    public Task<T> GetAsync()
    {
        lock (_gate)
        {
            return _made = _made is null or { IsFaulted: true } or { IsCanceled: true } ? make() : _made;
        }
    }
}
