using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Devices;
using Axpo.Training.Models;
using Axpo.Training.Models.Lora;
using Axpo.Training.Models.Vision;
using TorchSharp;

namespace Axpo.Training.Sft;

/// <summary>Supervised fine-tuning of a model folder.</summary>
public static class SftFolder
{
    /// <summary>Trains a decoder, or an adapter over it, and writes it into a folder that holds its tokenizer already.</summary>
    /// <param name="folder">The folder: tokenizer in; weights and config.json, or an adapter in PEFT's format, out.</param>
    /// <param name="from">A model folder whose weights are gone on from; null: fresh ones.</param>
    /// <param name="shape">Shape of a fresh decoder.</param>
    /// <param name="job">What is trained on, and how.</param>
    /// <param name="merged">Whether an adapter is written as the whole model with the adapter in its weights.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Cancels; no weights are written then.</param>
    /// <returns>Validation loss.</returns>
    /// <exception cref="NotSupportedException">The device is not there.</exception>
    public static async Task<double> TrainAsync(
        string folder,
        string? from,
        Func<IChatFormat, DecoderConfig> shape,
        SftJob job,
        bool merged,
        IProgress<SftProgress>? progress,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var options = job.Options;
        var chat = ChatFormats.FromFolder(folder, job.Chat);
        var device = ComputeDevice.Resolve(options.Device, "learner.device");
        using var decoder = from is null ? Decoder.Create(shape(chat), options.Seed, device) : Decoder.Load(from, device);
        if (LoraShape.Of(options.Lora, from ?? folder) is { } adapter)
        {
            decoder.Attach(LoraAdapter.Create(adapter, decoder.Config, options.Seed, device));
        }

        var loss = await new SftTrainer(decoder, chat, job, time, decoder.Config.Pictures is { } pictures ? PictureProcessors.Read(folder, pictures.Tower) : null).RunAsync(progress, cancellationToken);
        if (decoder.Adapter is null)
        {
            decoder.SaveInto(folder);
        }
        else if (merged)
        {
            using var whole = decoder.Merged();
            whole.SaveInto(folder);
        }
        else
        {
            decoder.Adapter.SaveInto(folder);
        }

        return loss;
    }
}
