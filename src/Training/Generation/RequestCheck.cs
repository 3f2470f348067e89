using System.Globalization;
using Axpo.Core;
using Axpo.Training.Models;
using Axpo.Training.Models.Vision;

namespace Axpo.Training.Generation;

/// <summary>Requests that cannot mean anything are the caller's fault and named as such.</summary>
internal static class RequestCheck
{
    /// <exception cref="ArgumentException">Names the field, its value, and what would be right.</exception>
    public static void Throw(GenerateRequest request, DecoderConfig config)
    {
        var vocabulary = config.VocabSize;
        var sampling = request.Sampling;
        var fault = request switch
        {
            { Session: null or "" } => "Session is empty; give the episode's id",
            { Offset: < 0 } => $"Offset is {request.Offset}; 0 or the number of tokens that the session holds is right",
            { MaxNewTokens: <= 0 } => $"MaxNewTokens is {request.MaxNewTokens}; at least 1 is right",
            { Offset: 0, Tokens.Length: 0 } => "Tokens is empty at offset 0; at least one token must precede the first that is sampled",
            _ when sampling.TopK < 0 => $"Sampling.TopK is {sampling.TopK}; 0 (off) or more is right",
            _ when !(sampling.Temperature >= 0 && double.IsFinite(sampling.Temperature)) => $"Sampling.Temperature is {Text(sampling.Temperature)}; 0 (greedy) or more is right",
            _ when !(sampling.TopP is > 0 and <= 1) => $"Sampling.TopP is {Text(sampling.TopP)}; above 0 and at most 1 (off) is right",
            _ when Array.FindIndex(request.StopSequences, t => t is null or []) is >= 0 and var at => $"StopSequences[{at}] is empty; at least one token is right",
            _ when request.Forced.Length > request.MaxNewTokens => $"Forced has {request.Forced.Length} tokens and MaxNewTokens is {request.MaxNewTokens}; not more than that many can be forced",
            { Forced.Length: > 0 } when sampling is not { Temperature: > 0, TopK: 0, TopP: 1 } =>
                $"Forced has {request.Forced.Length} tokens and Sampling is temperature {Text(sampling.Temperature)}, top-k {sampling.TopK}, top-p {Text(sampling.TopP)}; a temperature above 0 and no cuts are right, where every token has a log-prob",
            _ when Array.FindIndex(request.Forced, t => (uint)t >= (uint)vocabulary) is >= 0 and var at => $"Forced[{at}] is {request.Forced[at]}; the vocabulary has ids 0 to {vocabulary - 1}",
            _ when Array.FindIndex(request.Tokens, t => (uint)t >= (uint)vocabulary) is >= 0 and var at => $"Tokens[{at}] is {request.Tokens[at]}; the vocabulary has ids 0 to {vocabulary - 1}",
            _ => Images(request, config),
        };
        if (fault is not null)
        {
            throw new ArgumentException($"generation for session '{request.Session}': {fault}", nameof(request));
        }
    }

    /// <summary>Where an image of a request stands.</summary>
    /// <exception cref="ArgumentException">It has another number of tokens there.</exception>
    public static PlacedGrid Placed(GenerateRequest request, PlacedImage image, int rows, int columns) => image.Length == rows * columns
        ? new PlacedGrid(image.Start, rows, columns, 0)
        : throw new ArgumentException($"generation for session '{request.Session}': Images has one at tokens {image.Start} to {image.End - 1}, {image.Length} of them; an image of {image.Image.Width} x {image.Image.Height} pixels is {rows} x {columns} tokens", nameof(request));

    private static string? Images(GenerateRequest request, DecoderConfig config)
    {
        var free = request.Offset;
        for (var i = 0; i < request.Images.Length; i++)
        {
            var image = request.Images[i];
            if (config.Pictures is not { } pictures)
            {
                return $"Images has {request.Images.Length}; this policy reads text only";
            }

            if (image.Start < free || image.Length <= 0 || image.End > request.Offset + request.Tokens.Length)
            {
                return $"Images[{i}] stands at tokens {image.Start} to {image.End - 1}; inside of Tokens ({request.Offset} to {request.Offset + request.Tokens.Length - 1}) and behind the one before it (token {free}) is right";
            }

            if (request.Tokens.AsSpan(image.Start - request.Offset, image.Length).ContainsAnyExcept(pictures.ImageToken))
            {
                return $"Images[{i}] stands at tokens {image.Start} to {image.End - 1}, which are not all {pictures.ImageToken}, the token that stands for a part of an image";
            }

            free = image.End;
        }

        return null;
    }

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);
}
