using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Axpo.Training.Models;

namespace Axpo.Bench;

/// <summary>A process that does the learner's train step in PyTorch (pytorch_step.py), once for every time that it is asked.</summary>
internal sealed class PytorchPeer : IDisposable
{
    private readonly Process _process;

    private PytorchPeer(Process process, string version, double gigaflops) => (_process, Version, Gigaflops) = (process, version, gigaflops);

    /// <summary>PyTorch's version.</summary>
    public string Version { get; }

    /// <summary>Its best matrix product of 1024 by 1024.</summary>
    public double Gigaflops { get; }

    /// <summary>Starts the process.</summary>
    /// <param name="shape">Shape of the decoder.</param>
    /// <param name="sequences">Sequences of a batch.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="minibatches">Steps of an update.</param>
    /// <param name="withReference">Whether there are passes without gradients before it, for log-probs of the generating weights and of a frozen reference.</param>
    /// <returns>The peer; or null and why there is none.</returns>
    public static async Task<(PytorchPeer? Peer, string Why)> StartAsync(DecoderConfig shape, int sequences, int length, int minibatches, bool withReference = true)
    {
        var python = Environment.GetEnvironmentVariable("AXPO_PYTHON") is { Length: > 0 } own ? own : "/usr/bin/python3";
        if (!File.Exists(python))
        {
            return (null, $"{python} is missing; AXPO_PYTHON names another one");
        }

        var process = Process.Start(new ProcessStartInfo(python, [Path.Combine(AppContext.BaseDirectory, "pytorch_step.py")]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(new
        {
            vocabulary = shape.VocabSize,
            hidden = shape.HiddenSize,
            layers = shape.Layers,
            heads = shape.Heads,
            kvHeads = shape.KvHeads,
            headDim = shape.HeadDim,
            intermediate = shape.IntermediateSize,
            qkNorm = shape.QkNorm,
            withReference,
            sequences,
            length,
            minibatches,
            threads = Environment.ProcessorCount,
        }));
        await process.StandardInput.FlushAsync();
        if ((await process.StandardOutput.ReadLineAsync())?.Split(' ') is ["ready", var version, var gigaflops])
        {
            return (new PytorchPeer(process, version, double.Parse(gigaflops, CultureInfo.InvariantCulture)), "");
        }

        await process.WaitForExitAsync();
        var last = (await errors).Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "no word";
        process.Dispose();
        return (null, $"{python}: {last}; `apt-get install python3-torch`, or AXPO_PYTHON names a Python that has torch");
    }

    /// <summary>One update.</summary>
    /// <returns>Its seconds.</returns>
    public Task<double> StepAsync() => AskAsync("go");

    /// <summary>Decodes tokens of so many sequences together, with a preallocated cache, after a prompt whose prefill does not count.</summary>
    /// <returns>Its seconds.</returns>
    public Task<double> DecodeAsync(int sequences, int promptTokens, int newTokens) => AskAsync(string.Create(CultureInfo.InvariantCulture, $"decode {sequences} {promptTokens} {newTokens}"));

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private async Task<double> AskAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
        return await _process.StandardOutput.ReadLineAsync() is { } seconds
            ? double.Parse(seconds, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"PyTorch's process ended in the middle of '{line}'");
    }
}
