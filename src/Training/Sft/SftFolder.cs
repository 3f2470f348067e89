using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Devices;
using Axpo.Training.Models;

namespace Axpo.Training.Sft;

/// <summary>Supervised fine-tuning of a model folder.</summary>
public static class SftFolder
{
    /// <summary>Trains a decoder and writes it into a folder that holds its tokenizer already.</summary>
    /// <param name="folder">The folder: tokenizer in, weights and config.json out.</param>
    /// <param name="from">A model folder whose weights are gone on from; null: fresh ones.</param>
    /// <param name="shape">Shape of a fresh decoder.</param>
    /// <param name="options">Settings.</param>
    /// <param name="stages">Curriculum.</param>
    /// <param name="validation">Validation traces.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Cancels; no weights are written then.</param>
    /// <returns>Validation loss.</returns>
    public static async Task<double> TrainAsync(
        string folder,
        string? from,
        Func<IChatFormat, DecoderConfig> shape,
        SftOptions options,
        IReadOnlyList<SftStage> stages,
        Func<ChanceKey, TeacherTrace> validation,
        IProgress<SftProgress>? progress,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var chat = ChatFormats.FromFolder(folder);
        // The CPU on purpose: a recorded recipe gives the same weights on every machine.
        using var decoder = from is null ? Decoder.Create(shape(chat), options.Seed, ComputeDevice.Cpu) : Decoder.Load(from, ComputeDevice.Cpu);
        var loss = await new SftTrainer(decoder, chat, options, time).RunAsync(stages, validation, progress, cancellationToken);
        decoder.SaveInto(folder);
        return loss;
    }
}
