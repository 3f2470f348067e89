using System.Runtime.ExceptionServices;

namespace Axpo.Training.Threads;

/// <summary>Threads that work side by side: each does its share of a call, which returns when all are done.</summary>
internal sealed class ThreadTeam : IDisposable
{
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim[] _go;
    private readonly SemaphoreSlim _done = new(0);
    private readonly Exception?[] _failures;
    private Action<int> _share = _ => { };
    private volatile bool _stopping;

    /// <summary>Starts the threads.</summary>
    /// <param name="name">Name for debuggers.</param>
    /// <param name="size">Threads.</param>
    /// <param name="intraOpThreads">Threads of one operator called on one of them.</param>
    public ThreadTeam(string name, int size, int intraOpThreads)
    {
        _failures = new Exception?[size];
        _go = [.. Enumerable.Range(0, size).Select(_ => new SemaphoreSlim(0))];
        _threads = [.. Enumerable.Range(0, size).Select(i => new Thread(() => Help(i, intraOpThreads)) { IsBackground = true, Name = FormattableString.Invariant($"{name}-{i}") })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Threads.</summary>
    public int Size => _threads.Length;

    /// <summary>Does a call's shares; returns when all are done. One caller at a time.</summary>
    /// <param name="share">Does the share of a thread, from 0 on; if several fail, the first one's exception is thrown.</param>
    public void Run(Action<int> share) => Run(share, static _ => true, static () => { });

    /// <summary>The same for some of the threads, while the caller does a share of its own.</summary>
    /// <param name="share">Does the share of a thread, from 0 on; if several fail, the first one's exception is thrown.</param>
    /// <param name="helps">Whether a thread has a share.</param>
    /// <param name="own">Does the caller's share; must not fail.</param>
    public void Run(Action<int> share, Func<int, bool> helps, Action own)
    {
        _share = share;
        Array.Clear(_failures);
        var helpers = 0;
        for (var i = 0; i < Size; i++)
        {
            if (helps(i))
            {
                helpers++;
                _go[i].Release();
            }
        }

        own();
        for (; helpers > 0; helpers--)
        {
            _done.Wait();
        }

        if (_failures.FirstOrDefault(f => f is not null) is { } failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping = true;
        foreach (var go in _go)
        {
            go.Release();
        }

        foreach (var thread in _threads)
        {
            thread.Join();
        }

        foreach (var go in _go)
        {
            go.Dispose();
        }

        _done.Dispose();
    }

    private void Help(int index, int intraOpThreads)
    {
        IntraOpThreads.Use(intraOpThreads);
        while (true)
        {
            _go[index].Wait();
            if (_stopping)
            {
                return;
            }

            try
            {
                _share(index);
            }
            catch (Exception e)
            {
                _failures[index] = e;
            }

            _done.Release();
        }
    }
}
