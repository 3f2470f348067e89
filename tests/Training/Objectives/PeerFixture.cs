using System.Text.Json;
using System.Text.Json.Nodes;
using Shouldly;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace Axpo.Training.Tests.Objectives;

/// <summary>A case that a peer's own code computed (tests/fixtures/objectives/README.md).</summary>
internal sealed class PeerFixture
{
    private static readonly Lazy<PeerFamily> _verl = new(() => new PeerFamily("verl"));
    private static readonly Lazy<PeerFamily> _trl = new(() => new PeerFamily("trl"));

    private readonly PeerFamily _family;
    private readonly JsonObject _batch;

    private PeerFixture(PeerFamily family, JsonObject json)
    {
        _family = family;
        Json = json;
        _batch = family.Batches[json["batch"]!.GetValue<string>()];
    }

    public JsonObject Json { get; }

    public JsonNode Options => Json["options"]!;

    public double Tolerance => Json["tolerance"]!.GetValue<double>();

    /// <summary>Rows of a group in TRL's batches.</summary>
    public int GroupSize => _batch["group_size"]!.GetValue<int>();

    /// <summary>Loss tokens [rows][width].</summary>
    public bool[][] Mask => [.. Rows("mask").Select(row => Array.ConvertAll(row, m => m != 0))];

    /// <summary>Names of a family's cases of a kind, for a theory.</summary>
    public static TheoryData<string> Names(string family, string kind)
    {
        var data = new TheoryData<string>(Family(family).Cases.Values.Where(c => c["kind"]!.GetValue<string>() == kind).Select(c => c["id"]!.GetValue<string>()));
        if (data.Count == 0)
        {
            data.Add($"(no {kind} of {family} in AXPO_FIXTURES)");
        }

        return data;
    }

    /// <summary>The case of a name; skips the test where it is not there.</summary>
    public static PeerFixture Open(string family, string name)
    {
        var found = Family(family).Cases.TryGetValue(name, out var json);
        Assert.SkipUnless(found, $"{name}: not here");
        return new PeerFixture(Family(family), json!);
    }

    /// <summary>An option; null if the case does not name it.</summary>
    public T? Option<T>(string name)
        where T : struct => Options[name] is { } node ? node.GetValue<T>() : null;

    /// <summary>A text of the case or of its options.</summary>
    public string? Text(string name) => (Json[name] ?? Options[name])?.GetValue<string>();

    /// <summary>A scalar of the case, which may stand as "NaN" or "Infinity".</summary>
    public double Scalar(string name) => Number(Json[name]!);

    public bool Has(string output) => Json["outputs"]![output] is not null;

    /// <summary>An array of the batch by role, float64.</summary>
    public Tensor Input(string role) => _family.Array(_batch["arrays"]![role]!.GetValue<string>());

    /// <summary>An array that the case returned, float64.</summary>
    public Tensor Output(string name) => _family.Array(Json["outputs"]![name]!.GetValue<string>());

    public double[] Row(string role) => Values(Input(role));

    public double[][] Rows(string role) => Grid(Input(role));

    /// <summary>The tolerance rule of the README for arrays: |got - want| at most tolerance * max(1, max |want|), for gradients tolerance * max |want|.</summary>
    public void ShouldMatch(double[][] got, string output, bool isGradient = false)
    {
        var want = Grid(Output(output));
        got.Length.ShouldBe(want.Length);
        var allowed = Tolerance * Math.Max(isGradient ? 0 : 1, want.Max(row => row.Length == 0 ? 0 : row.Max(Math.Abs)));
        for (var i = 0; i < want.Length; i++)
        {
            got[i].Length.ShouldBe(want[i].Length);
            for (var t = 0; t < want[i].Length; t++)
            {
                got[i][t].ShouldBe(want[i][t], allowed, $"{output}[{i}][{t}]");
            }
        }
    }

    /// <summary>The same for one value a row.</summary>
    public void ShouldMatch(double[] got, string output)
    {
        var want = Values(Output(output));
        got.Length.ShouldBe(want.Length);
        for (var i = 0; i < want.Length; i++)
        {
            got[i].ShouldBe(want[i], Tolerance * Math.Max(1, want.Max(Math.Abs)), $"{output}[{i}]");
        }
    }

    internal static double Number(JsonNode node) => node.GetValueKind() == JsonValueKind.String
        ? node.GetValue<string>() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            var other => throw new InvalidDataException($"not a number: {other}"),
        }
        : node.GetValue<double>();

    private static PeerFamily Family(string name) => name == "verl" ? _verl.Value : _trl.Value;

    private static double[] Values(Tensor values) => values.data<double>().ToArray();

    private static double[][] Grid(Tensor values)
    {
        var (flat, width) = (Values(values), (int)values.shape[1]);
        return [.. Enumerable.Range(0, (int)values.shape[0]).Select(i => flat[(i * width)..((i + 1) * width)])];
    }

    private sealed class PeerFamily
    {
        private readonly Dictionary<string, Tensor> _arrays = [];

        public PeerFamily(string name)
        {
            var folder = Path.Combine(Fixtures.Root, "objectives", name);
            if (!File.Exists(Path.Combine(folder, "cases.json")))
            {
                return;
            }

            var json = Fixtures.Json(Path.Combine(folder, "cases.json"));
            Batches = json["batches"]!.AsArray().ToDictionary(b => b!["name"]!.GetValue<string>(), b => b!.AsObject(), StringComparer.Ordinal);
            Cases = json["cases"]!.AsArray().ToDictionary(c => c!["id"]!.GetValue<string>(), c => c!.AsObject(), StringComparer.Ordinal);

            // Shared by all tests: whichever reads them first must not take them along when its dispose scope ends.
            foreach (var (key, value) in Fixtures.Tensors(Path.Combine(folder, "arrays.safetensors")))
            {
                _arrays[key] = value.to(ScalarType.Float64).DetachFromDisposeScope();
            }
        }

        public Dictionary<string, JsonObject> Batches { get; } = [];

        public Dictionary<string, JsonObject> Cases { get; } = [];

        public Tensor Array(string name) => _arrays[name];
    }
}
