using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Axpo.Environments.Sandbox;

/// <summary>How a call in a session ended.</summary>
internal enum CellStatus : byte
{
    Ok = 0,
    Error = 1,
    Timeout = 2,

    /// <summary>The session's process ended.</summary>
    Died = 255,
}

/// <summary>Result of a call.</summary>
internal readonly record struct CellResult(CellStatus Status, string Text)
{
    /// <summary>Files that the code left in <c>out/</c>: unchecked.</summary>
    public IReadOnlyList<FoundFile> Files { get; init; } = [];
}

/// <summary>A file of a session.</summary>
/// <param name="Name">Its name; untrusted.</param>
/// <param name="Bytes">What is in it; untrusted.</param>
internal sealed record FoundFile(string Name, MemoryStream Bytes);

/// <summary>
/// One sandbox with a warm interpreter in it (<c>zygote.py</c>) that forks a fresh, isolated child for every session. Thread-safe; nothing blocks.
/// When the sandbox ends, every open session fails as infrastructure.
/// </summary>
internal sealed class Zygote : IAsyncDisposable
{
    private const int HeaderSize = 9;
    private const int MaxPayload = 1 << 20;

    // A piece of an image: index, first and last, how its name ends.
    private const int PieceHeader = 7;
    private const int Piece = 1 << 18;
    private const byte First = 1;
    private const byte Last = 2;

    /// <summary>How long what an ended sandbox has written may still be read.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private readonly int _shownFiles;
    private readonly long _shownBytes;
    private readonly Process _process;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentDictionary<uint, Answer> _waiting = new();
    private readonly Task _life;
    private readonly Task<string> _errors;
    private int _next;
    private volatile bool _isGone;

    private Zygote(Process process, string strategy, SandboxOptions options)
    {
        (_shownFiles, _shownBytes) = (options.ShownFiles, (long)options.ShownMebibytes << 20);
        _process = process;
        Strategy = strategy;
        _errors = process.StandardError.ReadToEndAsync();
        _life = Task.Run(LiveAsync);
    }

    /// <summary>Name of the strategy.</summary>
    public string Strategy { get; }

    /// <summary>Whether the sandbox still runs.</summary>
    public bool IsAlive => !_isGone;

    /// <summary>Whether anything has come out of it yet.</summary>
    public bool HasAnswered { get; private set; }

    /// <summary>Starts a sandbox; it works only once a session in it answered.</summary>
    /// <exception cref="ToolUnavailableException">It did not start.</exception>
    public static async Task<Zygote> StartAsync(SandboxCommand command, string python, SandboxOptions options)
    {
        var start = new ProcessStartInfo(command.Program) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        foreach (var argument in command.Arguments.Concat([python, "-I", "-S", "-c", Source(), Limits(options)]))
        {
            start.ArgumentList.Add(argument);
        }

        // Nothing of our own environment goes in; the strategies clear it once more.
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        try
        {
            var process = await ParentThread.StartAsync(start) ?? throw new ToolUnavailableException($"sandbox: {command.Program} did not start", isTransient: true);
            return new Zygote(process, command.Name, options);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ToolUnavailableException($"sandbox: {command.Program} cannot be started ({e.Message})", isTransient: false, e);
        }
    }

    /// <summary>Opens a session.</summary>
    /// <exception cref="ToolUnavailableException">The sandbox could not make one.</exception>
    public async Task<uint> OpenAsync(ulong seed, CancellationToken cancellationToken)
    {
        var session = (uint)Interlocked.Increment(ref _next);
        var payload = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, seed);
        var (kind, text, _) = await AskAsync(session, 1, payload, cancellationToken);
        return kind == 1 ? session : throw new ToolUnavailableException($"sandbox: no session ({Encoding.UTF8.GetString(text)})", isTransient: true);
    }

    /// <summary>Runs code in a session.</summary>
    /// <exception cref="ToolUnavailableException">The sandbox is gone.</exception>
    public async Task<CellResult> RunAsync(uint session, string code, TimeSpan limit, CancellationToken cancellationToken)
    {
        var text = Encoding.UTF8.GetBytes(code);
        var payload = new byte[8 + text.Length];
        BinaryPrimitives.WriteDoubleLittleEndian(payload, limit.TotalSeconds);
        text.CopyTo(payload, 8);
        return await ResultAsync(session, 2, payload, cancellationToken);
    }

    /// <summary>Puts an image into <c>images/</c> of a session, and its path behind the others in the list of the name <c>images</c>.</summary>
    /// <param name="session">The session.</param>
    /// <param name="index">Index of the image in the episode.</param>
    /// <param name="end">How its name ends, at most 4 letters; empty: it is too large, and its place in the list is None.</param>
    /// <param name="file">Its bytes.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="ToolUnavailableException">The sandbox is gone.</exception>
    public async Task<CellResult> PutAsync(uint session, int index, string end, ReadOnlyMemory<byte> file, CancellationToken cancellationToken)
    {
        for (var at = 0; ; at += Piece)
        {
            var length = Math.Min(Piece, file.Length - at);
            var isLast = at + length == file.Length;
            var payload = new byte[PieceHeader + length];
            BinaryPrimitives.WriteUInt16LittleEndian(payload, checked((ushort)index));
            payload[2] = (byte)((at == 0 ? First : 0) | (isLast ? Last : 0));
            Encoding.ASCII.GetBytes(end, payload.AsSpan(3, 4));
            file.Span.Slice(at, length).CopyTo(payload.AsSpan(PieceHeader));
            if (isLast)
            {
                return await ResultAsync(session, 4, payload, cancellationToken);
            }

            await SendAsync(session, 4, payload, cancellationToken);
        }
    }

    /// <summary>Ends a session and everything in it.</summary>
    public async Task CloseAsync(uint session)
    {
        try
        {
            await SendAsync(session, 3, [], CancellationToken.None);
        }
        catch (ToolUnavailableException)
        {
            // The sandbox is gone, and its sessions with it.
        }
    }

    /// <summary>Ends the sandbox; what waits for it is told.</summary>
    public void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It ended by itself.
        }
    }

    /// <summary>Ends the sandbox and waits until it has.</summary>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync();
        await _life;
        // The gate stays: a session that is closed after this must find the sandbox gone, not the gate.
        _process.Dispose();
    }

    private static string Source()
    {
        using var stream = typeof(Zygote).Assembly.GetManifestResourceStream("zygote.py") ?? throw new InvalidOperationException("zygote.py is not in the assembly");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string Limits(SandboxOptions options) => JsonSerializer.Serialize(new Dictionary<string, long>(StringComparer.Ordinal)
    {
        ["processes"] = options.Processes,
        ["memory"] = (long)options.MemoryMebibytes << 20,
        ["cpu"] = options.CpuSeconds,
        ["disk"] = (long)options.DiskMebibytes << 20,
        ["output"] = options.OutputBytes,
        ["images"] = (long)options.ImageMebibytes << 20,
        ["files"] = options.ShownFiles,
        ["file"] = (long)options.ShownMebibytes << 20,
        ["start"] = options.StartSeconds,
    });

    private async Task<CellResult> ResultAsync(uint session, byte kind, byte[] payload, CancellationToken cancellationToken)
    {
        var (answered, answer, files) = await AskAsync(session, kind, payload, cancellationToken);
        return answered == 2 ? new CellResult((CellStatus)answer[0], Encoding.UTF8.GetString(answer.AsSpan(1))) { Files = files } : new CellResult(CellStatus.Died, Encoding.UTF8.GetString(answer));
    }

    private async Task<(byte Kind, byte[] Payload, List<FoundFile> Files)> AskAsync(uint session, byte kind, byte[] payload, CancellationToken cancellationToken)
    {
        var answer = new Answer();
        _waiting[session] = answer;
        try
        {
            await SendAsync(session, kind, payload, cancellationToken);
            if (!IsAlive)
            {
                throw await GoneAsync();
            }

            var (answered, text) = await answer.Task.WaitAsync(cancellationToken);
            return (answered, text, answer.Files);
        }
        finally
        {
            _waiting.TryRemove(session, out _);
        }
    }

    private async Task SendAsync(uint session, byte kind, byte[] payload, CancellationToken cancellationToken)
    {
        var frame = new byte[HeaderSize + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(frame, session);
        frame[4] = kind;
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(5), payload.Length);
        payload.CopyTo(frame, HeaderSize);
        await _writing.WaitAsync(cancellationToken);
        try
        {
            // A frame is written whole: a cancelled caller must not leave half of one.
            await _process.StandardInput.BaseStream.WriteAsync(frame, CancellationToken.None);
            await _process.StandardInput.BaseStream.FlushAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw await GoneAsync();
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>
    /// Until the sandbox is gone: it closed its output, or its process ended. Killed while it is being set up, bubblewrap leaves a half-made child behind that holds the output open for ever.
    /// </summary>
    private async Task LiveAsync()
    {
        var reading = ReadAsync();
        if (await Task.WhenAny(reading, _process.WaitForExitAsync()) != reading)
        {
            await Task.WhenAny(reading, Task.Delay(Rest));
        }

        // Asked for from here on it is gone; what waits already is told.
        _isGone = true;
        var gone = await GoneAsync();
        foreach (var answer in _waiting.Values)
        {
            answer.TrySetException(gone);
        }
    }

    private async Task ReadAsync()
    {
        var stream = _process.StandardOutput.BaseStream;
        var header = new byte[HeaderSize];
        try
        {
            while (await stream.ReadAtLeastAsync(header, HeaderSize, throwOnEndOfStream: false) == HeaderSize)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(5));
                if (length is < 0 or > MaxPayload)
                {
                    break;
                }

                var payload = new byte[length];
                await stream.ReadExactlyAsync(payload);
                HasAnswered = true;
                var session = BinaryPrimitives.ReadUInt32LittleEndian(header);
                if (header[4] == 4 && _waiting.TryGetValue(session, out var asked) && asked.Take(payload, _shownFiles, _shownBytes))
                {
                    continue;
                }

                if (_waiting.TryRemove(session, out var answer))
                {
                    // What it found and must not be is forged: it counts as ended, and whoever asked closes it.
                    answer.TrySetResult(header[4] == 4 ? ((byte)3, []) : (header[4], payload));
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or EndOfStreamException)
        {
            // It ended in the middle of a frame: as gone as any.
        }
    }

    private async Task<ToolUnavailableException> GoneAsync()
    {
        var errors = "";
        if (await Task.WhenAny(_errors, Task.Delay(TimeSpan.FromSeconds(1))) == _errors)
        {
            errors = (await _errors).Trim();
        }

        var last = errors.Length == 0 ? "" : ": " + errors.Split('\n')[^1];
        return new ToolUnavailableException(string.Create(CultureInfo.InvariantCulture, $"sandbox: the {Strategy} sandbox ended{last}"), isTransient: true);
    }

    /// <summary>What is waited for, with the files that come before it.</summary>
    private sealed class Answer() : TaskCompletionSource<(byte Kind, byte[] Payload)>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        private const byte File = 3;
        private const byte Data = 4;

        public List<FoundFile> Files { get; } = [];

        /// <summary>Takes a name or bytes of the last one named; false: more than a session may show.</summary>
        public bool Take(ReadOnlySpan<byte> payload, int files, long bytes)
        {
            switch (payload.Length == 0 ? 0 : payload[0])
            {
                case File when Files.Count < files:
                    Files.Add(new FoundFile(Encoding.UTF8.GetString(payload[1..]), new MemoryStream()));
                    return true;
                case Data when Files.Count > 0 && Files[^1].Bytes.Length + payload.Length - 1 <= bytes:
                    Files[^1].Bytes.Write(payload[1..]);
                    return true;
                default:
                    return false;
            }
        }
    }
}
