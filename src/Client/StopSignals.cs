using System.Runtime.InteropServices;

namespace Axpo.Client;

/// <summary>Turns the first Ctrl-C or SIGTERM into a cancellation; the second one ends the process at once, as the system does by default.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly TextWriter _error;
    private readonly PosixSignalRegistration[] _registrations;
    private int _received;

    /// <summary>Listens until disposed.</summary>
    /// <param name="error">Told that a stop is under way.</param>
    public StopSignals(TextWriter error)
    {
        _error = error;
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal), PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal)];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stop.Dispose();
    }

    private void OnSignal(PosixSignalContext signal)
    {
        if (Interlocked.Increment(ref _received) > 1)
        {
            return;
        }

        signal.Cancel = true;
        _error.WriteLine("stopping; once more to exit at once");
        _stop.Cancel();
    }
}
