using System.Globalization;
using Axpo.Environments.Sandbox;

namespace Axpo.Environments.Tools.Python;

/// <summary>
/// <c>python(code, timeout)</c>: real python3, a session an episode whose names live from call to call, in a sandbox. Printed text and the value of a last
/// expression come back; an exception, the code's own time limit, and memory, output or process limits are error observations. Where the episode has images the
/// code has them as files, their paths in the list <c>images</c>, and pictures that it writes into <c>out/</c> are shown as new ones.
/// </summary>
/// <param name="options">Settings.</param>
/// <param name="store">Where images are; null where the host has none: an episode with images is then not served.</param>
public sealed class PythonTool(PythonToolOptions options, IImageStore? store = null) : ITool, IAsyncDisposable
{
    private readonly SessionImages _images = new(store, options.Sandbox);
    private readonly SemaphoreSlim _starting = new(1, 1);
    private readonly Zygote?[] _zygotes = new Zygote?[options.Sandboxes];
    private (SandboxCommand Command, string Python)? _chosen;
    private int _next;

    /// <inheritdoc/>
    public ToolSpec Spec { get; } = new("python", "Runs Python code in a session that keeps its names; returns what it prints and the value of a last expression. If there are images, the list images has the paths of their files, and pictures written into out/ are shown.",
    [
        new ToolParameter("code", "string", true, "Python code."),
        new ToolParameter("timeout", "number", false, "Seconds that the code may take."),
    ]);

    /// <inheritdoc/>
    public bool IsStateful => true;

    /// <inheritdoc/>
    public async Task<ToolProbe> ProbeAsync(CancellationToken cancellationToken)
    {
        var probe = await ProbeSandboxAsync(cancellationToken);
        return probe.Strategy is null
            ? new ToolProbe(false, string.Join("; ", probe.Tried), SandboxProbe.Remedy)
            : new ToolProbe(true, $"{probe.Python} in {probe.Strategy}");
    }

    /// <summary>Tries the strategies in order until a sandboxed <c>print(1)</c> answers.</summary>
    public async Task<SandboxProbe> ProbeSandboxAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            return await ChooseAsync(cancellationToken);
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <inheritdoc/>
    public async Task<IToolSession> OpenAsync(ToolSessionContext context, CancellationToken cancellationToken)
    {
        var seed = ((ulong)context.Chance.Bits(0, 0) << 32) | context.Chance.Bits(0, 1);
        var session = new Session(this, seed);
        await session.StartAsync(cancellationToken);
        return session;
    }

    /// <summary>Ends every sandbox.</summary>
    public async ValueTask DisposeAsync()
    {
        for (var i = 0; i < _zygotes.Length; i++)
        {
            if (Interlocked.Exchange(ref _zygotes[i], null) is { } zygote)
            {
                await zygote.DisposeAsync();
            }
        }

        _starting.Dispose();
    }

    private async Task<SandboxProbe> ChooseAsync(CancellationToken cancellationToken)
    {
        var tried = new List<string>();
        string python, prefix;
        try
        {
            (python, prefix) = await PythonBinary.FindAsync(options.Sandbox.Python, cancellationToken);
        }
        catch (ToolUnavailableException e)
        {
            return new SandboxProbe(null, "", [e.Message]);
        }

        foreach (var command in SandboxCommand.Candidates(options.Sandbox.Strategy, prefix))
        {
            try
            {
                await using var zygote = await Zygote.StartAsync(command, python, options.Sandbox);
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(TimeSpan.FromSeconds(options.Sandbox.StartSeconds));
                var session = await zygote.OpenAsync(0, limit.Token);
                var result = await zygote.RunAsync(session, "print(1)", TimeSpan.FromSeconds(options.Sandbox.StartSeconds), limit.Token);
                if (result is { Status: CellStatus.Ok, Text: "1\n" })
                {
                    _chosen = (command, python);
                    return new SandboxProbe(command.Name, python, [.. tried, $"{command.Name}: works"]);
                }

                tried.Add($"{command.Name}: print(1) gave {result.Status} '{result.Text}'");
            }
            catch (ToolUnavailableException e)
            {
                tried.Add($"{command.Name}: {e.Message}");
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                tried.Add(string.Create(CultureInfo.InvariantCulture, $"{command.Name}: no answer within {options.Sandbox.StartSeconds} s"));
            }
        }

        return new SandboxProbe(null, python, tried);
    }

    /// <summary>A sandbox that runs; started, or started again, where none does.</summary>
    private async Task<Zygote> ZygoteAsync(CancellationToken cancellationToken)
    {
        var slot = (int)((uint)Interlocked.Increment(ref _next) % (uint)_zygotes.Length);
        if (_zygotes[slot] is { IsAlive: true } running)
        {
            return running;
        }

        await _starting.WaitAsync(cancellationToken);
        try
        {
            if (_zygotes[slot] is { IsAlive: true } started)
            {
                return started;
            }

            if (_zygotes[slot] is { } ended)
            {
                _zygotes[slot] = null;
                await ended.DisposeAsync();
            }

            if (_chosen is null)
            {
                var probe = await ChooseAsync(cancellationToken);
                if (_chosen is null)
                {
                    throw new ToolUnavailableException($"python: no sandbox works here ({string.Join("; ", probe.Tried)}). {SandboxProbe.Remedy}", isTransient: false);
                }
            }

            return _zygotes[slot] = await Zygote.StartAsync(_chosen.Value.Command, _chosen.Value.Python, options.Sandbox);
        }
        finally
        {
            _starting.Release();
        }
    }

    private sealed class Session(PythonTool tool, ulong seed) : IToolSession
    {
        private Zygote? _zygote;
        private uint _session;
        private bool _hasRun;
        private int _given;
        private long _room;

        public async Task StartAsync(CancellationToken cancellationToken)
        {
            var zygote = await tool.ZygoteAsync(cancellationToken);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (!zygote.HasAnswered)
            {
                limit.CancelAfter(TimeSpan.FromSeconds(tool.Options.Sandbox.StartSeconds));
            }

            try
            {
                _session = await zygote.OpenAsync(seed, limit.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The next one starts another.
                zygote.Kill();
                throw new ToolUnavailableException(string.Create(CultureInfo.InvariantCulture, $"sandbox: the {zygote.Strategy} sandbox did not begin within {tool.Options.Sandbox.StartSeconds} s"), isTransient: true);
            }

            (_zygote, _hasRun, _given, _room) = (zygote, false, 0, (long)tool.Options.Sandbox.ImageMebibytes << 20);
        }

        public async Task<ToolResult> InvokeAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            if (!ToolArguments.TryRead(tool.Spec, invocation.Arguments, out var arguments, out var error))
            {
                return error!;
            }

            var code = arguments.Text("code");
            if (System.Text.Encoding.UTF8.GetByteCount(code) > tool.Options.MaxCodeBytes)
            {
                return ToolArguments.Fault(string.Create(CultureInfo.InvariantCulture, $"code is longer than {tool.Options.MaxCodeBytes} bytes"));
            }

            var seconds = arguments.Number("timeout") ?? tool.Options.DefaultTimeoutSeconds;
            if (seconds <= 0 || seconds > tool.Options.MaxTimeoutSeconds)
            {
                return ToolArguments.Fault(string.Create(CultureInfo.InvariantCulture, $"timeout must be above 0 and at most {tool.Options.MaxTimeoutSeconds} seconds"));
            }

            if (_zygote is null)
            {
                // The last call ended the interpreter: this one begins in a fresh one.
                await StartAsync(cancellationToken);
            }

            try
            {
                var result = await GiveAsync(invocation, cancellationToken);
                if (result.Status is CellStatus.Error)
                {
                    // The code left no room, and could make none without being run.
                    await EndAsync();
                    return new ToolResult(result.Text + "; the session was started anew", IsError: true);
                }

                if (result.Status is CellStatus.Ok)
                {
                    _hasRun = true;
                    result = await _zygote!.RunAsync(_session, code, TimeSpan.FromSeconds(seconds), cancellationToken);
                }

                if (result.Status is CellStatus.Timeout or CellStatus.Died)
                {
                    await EndAsync();
                }

                return result.Status switch
                {
                    CellStatus.Ok => await tool._images.ShowAsync(result, invocation, cancellationToken),
                    CellStatus.Error => new ToolResult(result.Text.TrimEnd('\n'), IsError: true),
                    CellStatus.Timeout => new ToolResult(string.Create(CultureInfo.InvariantCulture, $"TimeoutError: the code ran longer than {seconds} s; the session was started anew"), IsError: true),
                    _ => new ToolResult("SystemError: the interpreter ended; the session was started anew", IsError: true),
                };
            }
            catch
            {
                await EndAsync();
                throw;
            }
        }

        /// <summary>Puts the images into the session that it has not got yet. What fails before any code has run is no fault of the code's.</summary>
        private async Task<CellResult> GiveAsync(ToolInvocation invocation, CancellationToken cancellationToken)
        {
            for (; _given < invocation.Images.Count; _given++)
            {
                var (end, file) = await tool._images.ReadAsync(invocation.Images[_given], _room, cancellationToken);
                var result = await _zygote!.PutAsync(_session, _given, end, file, cancellationToken);
                if (result.Status is not CellStatus.Ok)
                {
                    return _hasRun ? result : throw new ToolUnavailableException($"python: image {_given} of the episode cannot be put into a session ({result.Status} '{result.Text}')", isTransient: result.Status is not CellStatus.Error);
                }

                _room -= file.Length;
            }

            return new CellResult(CellStatus.Ok, "");
        }

        public async ValueTask DisposeAsync() => await EndAsync();

        private async ValueTask EndAsync()
        {
            if (_zygote is { } zygote)
            {
                _zygote = null;
                await zygote.CloseAsync(_session);
            }
        }
    }

    private PythonToolOptions Options => options;
}
