using System.Runtime.InteropServices;
using System.Text.Json;
using Axpo.Training.Models;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Models;

/// <summary>What we save, loaded by transformers itself: one model of every architecture, and its logits against ours. Only where Python has torch and transformers.</summary>
[Trait("Category", "Parity")]
[Trait("Family", "models")]
public sealed class TransformersLoadTests
{
    private static readonly Lazy<string?> _whyNot = new(() => OutsideProgram.Run(OutsideProgram.Python, "-c", "import torch, transformers"));

    public static TheoryData<string> Folders => ModelParityTests.Folders;

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_saved_folder_loads_whole_and_gives_the_same_logits(string name)
    {
        Assert.SkipWhen(_whyNot.Value is not null, $"{OutsideProgram.Python} does not import torch and transformers; AXPO_PYTHON names one that does");
        using var model = ModelParityTests.Open(name, out var cases);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var root = Directory.CreateTempSubdirectory("axpo-test-").FullName;
        try
        {
            var (folder, input, output) = (Path.Combine(root, "model"), Path.Combine(root, "ids.json"), Path.Combine(root, "logits"));
            model.Save(folder);
            var ids = cases[ModelParityTests.Key(0, "input_ids")].flatten();
            File.WriteAllText(input, JsonSerializer.Serialize(ModelParityTests.Longs(ids)));
            OutsideProgram.Run(OutsideProgram.Python, Path.Combine(AppContext.BaseDirectory, "Models", "transformers_logits.py"), folder, input, output).ShouldBeNull();
            var theirs = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(output)).ToArray();
            Fixtures.Difference(ModelParityTests.Logits(model, ids), tensor(theirs, ids.shape[0], model.Config.VocabSize)).ShouldBeLessThan(1e-4);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
