using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Axpo.Silo.Hosting;

/// <summary>Log entries in a file, written by one background loop: whoever logs never waits.</summary>
public sealed class FileLog : ILoggerProvider, IAsyncDisposable
{
    private const int Capacity = 10_000;
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private readonly TimeProvider _time;
    private readonly Task _loop;

    /// <summary>Appends to a file.</summary>
    /// <exception cref="IOException">The file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public FileLog(string path, TimeProvider time)
    {
        _time = time;
        var writer = new StreamWriter(path, append: true, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        _loop = Task.Run(() => WriteAsync(writer));
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Entry(this, categoryName);

    /// <inheritdoc/>
    public void Dispose() => _lines.Writer.TryComplete();

    /// <summary>Writes what is queued, then ends. A disk that is full by now loses entries, never the work that they tell of.</summary>
    public async ValueTask DisposeAsync()
    {
        Dispose();
        await _loop;
    }

    private async Task WriteAsync(StreamWriter writer)
    {
        try
        {
            await using (writer)
            {
                while (await _lines.Reader.WaitToReadAsync())
                {
                    try
                    {
                        while (_lines.Reader.TryRead(out var line))
                        {
                            await writer.WriteLineAsync(line);
                        }

                        await writer.FlushAsync();
                    }
                    catch (IOException e)
                    {
                        // There is nowhere left to say so; later entries may find room again.
                        _ = e;
                    }
                }
            }
        }
        catch (IOException e)
        {
            // What was left to write at the end found no room.
            _ = e;
        }
    }

    private sealed class Entry(FileLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var time = log._time.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
            log._lines.Writer.TryWrite($"{time} {logLevel} {category}: {formatter(state, exception)}{(exception is null ? "" : Environment.NewLine + exception)}");
        }
    }
}
