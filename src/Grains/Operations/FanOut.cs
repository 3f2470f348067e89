using System.Runtime.ExceptionServices;

namespace Axpo.Grains.Operations;

/// <summary>Many operations at once, at most so many live; results in order of the items. One failure cancels the rest and is thrown.</summary>
internal static class FanOut
{
    /// <summary>Runs an operation for every item. All work goes on on the caller's scheduler.</summary>
    public static async Task<TResult[]> RunAsync<TItem, TResult>(
        IReadOnlyList<TItem> items,
        int maxLive,
        Func<TItem, CancellationToken, Task<TResult>> work,
        CancellationToken cancellationToken)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var results = new TResult[items.Count];
        ExceptionDispatchInfo? first = null;
        var next = 0;
        await Task.WhenAll(Enumerable.Range(0, Math.Clamp(maxLive, 1, Math.Max(1, items.Count))).Select(_ => WorkAsync()));
        cancellationToken.ThrowIfCancellationRequested();
        first?.Throw();
        return results;

        async Task WorkAsync()
        {
            while (next < items.Count && first is null && !both.IsCancellationRequested)
            {
                var index = next++;
                try
                {
                    results[index] = await work(items[index], both.Token);
                }
                catch (Exception e)
                {
                    first ??= ExceptionDispatchInfo.Capture(e);
                    await both.CancelAsync();
                }
            }
        }
    }
}
