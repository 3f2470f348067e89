using Axpo.Core;
using Axpo.Training.Chat;
using Axpo.Training.Models;

namespace Axpo.Silo.Tests.Sft;

/// <summary>The checkpoints in <c>models/</c>.</summary>
internal static class ShippedModels
{
    public static string Root { get; } = Find();

    public static IReadOnlyList<string> Folders { get; } = [.. Directory.GetDirectories(Root).Order(StringComparer.Ordinal)];

    public static string Folder(string name) => Path.Combine(Root, name);

    /// <summary>Probability of each token after a context.</summary>
    public static float[] Next(Decoder decoder, int[] context)
    {
        using var guard = TorchSharp.torch.no_grad();
        using var scope = TorchSharp.torch.NewDisposeScope();
        var ids = TorchSharp.torch.tensor(context.Select(t => (long)t).ToArray());
        var positions = TorchSharp.torch.arange(context.Length, TorchSharp.torch.int64);
        var hidden = decoder.Forward(ids, positions, CausalAttention.Packed([context.Length], decoder.Config));
        return decoder.Logits(hidden[^1..]).softmax(-1)[0].data<float>().ToArray();
    }

    /// <summary>Greedy continuation up to a stop token.</summary>
    public static int[] Greedy(Decoder decoder, IChatFormat chat, IEnumerable<int> context, int most)
    {
        var all = context.ToList();
        var start = all.Count;
        while (all.Count - start < most)
        {
            var next = Next(decoder, [.. all]);
            all.Add(Array.IndexOf(next, next.Max()));
            if (chat.StopTokens.Contains(all[^1]))
            {
                break;
            }
        }

        return [.. all.Skip(start)];
    }

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var models = Path.Combine(folder.FullName, "models");
            if (Directory.Exists(models))
            {
                return models;
            }
        }

        throw new DirectoryNotFoundException("models/ is not above the test program");
    }
}
