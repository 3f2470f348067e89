using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Silo.Hosting;
using Axpo.Training.Devices;
using Axpo.Training.Memory;
using Axpo.Training.Models.Inspection;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo models inspect</c>: what a model folder is, what it takes to serve and to train it, and why it would be refused. No weights are read.</summary>
internal static class ModelsInspectCommand
{
    private const int DefaultContext = 2048;

    public static Command Create(CommandContext context)
    {
        var path = new Argument<string>("PATH") { Description = "A Hugging Face folder: a model's, or a LoRA adapter's." };
        var tokens = new Option<int?>("--context") { Description = $"Tokens of a sequence that memory is counted for; default: {DefaultContext}, or the model's largest context.", HelpName = "N" };
        var batch = new Option<int>("--batch") { Description = "Sequences whose KV caches are held at once.", HelpName = "N", DefaultValueFactory = _ => 8 };
        var rank = new Option<int>("--rank") { Description = "Rank of the LoRA adapter that would be trained.", HelpName = "N", DefaultValueFactory = _ => 16 };
        var device = new Option<string>("--device") { Description = "Device of engine and learner: cpu, cuda or cuda:N; it need not be there.", HelpName = "DEVICE", DefaultValueFactory = _ => "cpu" };
        return new Command("inspect", "Says what a model folder is, what memory it takes to serve and to train it, and why it would be refused; reads no weights.") { path, tokens, batch, rank, device }.Does((parsed, _) =>
        {
            var folder = ModelFolders.Resolve(parsed.GetRequiredValue(path));
            if (!Directory.Exists(folder))
            {
                throw new PreflightException([new Problem("PATH", parsed.GetRequiredValue(path), "there is no such folder; give a Hugging Face folder, for example models/axpo-tiny-gap")]);
            }

            var found = ModelInspector.Inspect(folder);
            var ask = new Asked(parsed.GetValue(tokens) ?? Math.Min(DefaultContext, found.Config?.MaxPositions ?? DefaultContext), parsed.GetValue(batch), parsed.GetValue(rank), parsed.GetRequiredValue(device));
            Check(ask, found);
            var uses = found.Config is { } model ? ModelUses.Of(model, found.Adapter is not null, ask.Context, ask.Batch, new LoraOptions { Rank = ask.Rank }, ask.Device) : [];
            if (context.Json)
            {
                context.WriteJson(new
                {
                    found.Folder,
                    found.IsSupported,
                    found.Architecture,
                    found.Weights,
                    found.Adapter,
                    found.Chat,
                    memory = new { ask.Context, ask.Batch, ask.Rank, ask.Device, uses },
                    found.Refusals,
                });
            }
            else
            {
                Write(context.Console, found);
                WriteMemory(context.Console, ask, uses);
            }

            return Task.FromResult(found.IsSupported ? ExitCode.Done : Errors.Report(context, new PreflightException([.. found.Refusals.Select(r => new Problem("model", "", r))])));
        });
    }

    private static void Check(Asked ask, ModelInspection found)
    {
        var problems = new List<Problem>();
        if (ask.Context < 1 || (found.Config is { } c && ask.Context > c.MaxPositions))
        {
            problems.Add(new Problem("--context", Text(ask.Context), found.Config is { } model ? $"must be from 1 to {Text(model.MaxPositions)}, the model's largest context" : "must be at least 1"));
        }

        if (ask.Batch is < 1 or > 100_000)
        {
            problems.Add(new Problem("--batch", Text(ask.Batch), "must be from 1 to 100000"));
        }

        if (ask.Rank is < 1 or > 4096)
        {
            problems.Add(new Problem("--rank", Text(ask.Rank), "must be from 1 to 4096"));
        }

        if (!DeviceNames.Is(ask.Device) || ask.Device == ComputeDevice.Auto)
        {
            problems.Add(new Problem("--device", ask.Device, "is no device; use cpu, cuda or cuda:N"));
        }

        if (problems.Count > 0)
        {
            throw new PreflightException(problems);
        }
    }

    private static void Write(IAnsiConsole console, ModelInspection found)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        Row("folder", found.Folder);
        if (found.Adapter is { } adapter)
        {
            Row("adapter", string.Create(CultureInfo.InvariantCulture, $"LoRA of rank {adapter.Rank}, alpha {adapter.Alpha}, on {string.Join(", ", adapter.Targets)}; {Figures.Bytes(adapter.Bytes)}"));
            Row("adapter of", adapter.Base);
        }

        if (found.Architecture is { } a)
        {
            Row("architecture", $"{a.ModelType ?? "not said"}{(found.Config is null ? " (refused)" : "")}");
            Row("shape", $"{Count(a.Layers)} layers, width {Count(a.HiddenSize)}, SwiGLU {Count(a.IntermediateSize)}");
            Row("attention", $"{Count(a.Heads)} query heads and {Count(a.KvHeads)} key-value heads of width {Count(a.HeadDim)}{(a.Heads > a.KvHeads ? " (grouped)" : "")}");
            Row("vocabulary", $"{Count(a.VocabSize)}; {a.TiesHead switch { true => "the head is the embedding", false => "a head of its own", _ => "head not said" }}");
            Row("rope", $"theta {Figures.Number(a.RopeTheta, "#,0.##")}, {(a.RopeScaling is { } scaling ? $"scaled: {scaling}" : "not scaled")}");
            Row("largest context", $"{Count(a.MaxPositions)} tokens");
            if (a.Parameters is { } parameters)
            {
                Row("parameters", $"{Figures.Count(parameters)}, {Figures.Count(a.NonEmbeddingParameters!.Value)} without embedding and head");
            }
        }

        if (found.Weights is { } weights)
        {
            var types = weights.Numbers.Count == 1 ? weights.Numbers.Keys.First() : string.Join(", ", weights.Numbers.Select(n => $"{n.Key} {Figures.Count(n.Value)}"));
            Row("on the disk", $"{Figures.Bytes(weights.Bytes)} in {weights.Files} {(weights.Files == 1 ? "file" : "files")}, {types}; computed in float32");
        }

        if (found.Chat is { } chat)
        {
            Row("tokenizer", $"{Figures.Count(chat.Vocabulary)} ids");
            Row("chat template", (chat.Template, chat.OffersTools) switch
            {
                ("folder", true) => "the folder's, which offers tools itself",
                ("folder", false) => "the folder's; Axpo's system prompt offers tools",
                _ => "Axpo's own for the shipped models, which offers tools",
            });
            Row("a turn ends at", string.Join(", ", chat.EndTokens.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Text} ({t.Id})"))));
        }

        console.Write(grid);

        void Row(string name, string value) => grid.AddRow(name, Markup.Escape(Formats.Untrusted(value)));
    }

    private static void WriteMemory(IAnsiConsole console, Asked ask, IReadOnlyList<ModelUse> uses)
    {
        foreach (var device in uses.SelectMany(u => u.Estimates).Select(e => e.Device).Distinct(StringComparer.Ordinal))
        {
            MemoryEstimate?[] columns = [.. uses.Select(u => u.Estimates.FirstOrDefault(e => e.Device == device))];
            var table = new Table().Border(TableBorder.Rounded)
                .Title(string.Create(CultureInfo.InvariantCulture, $"memory of {device} at most, {ask.Batch} x {ask.Context} tokens (estimate)"))
                .AddColumn("").AddColumn(Right("serve")).AddColumn(Right($"LoRA, rank {Text(ask.Rank)}")).AddColumn(Right("train in full"));
            foreach (var what in columns.SelectMany(c => c?.Items ?? []).Select(i => i.What).Distinct(StringComparer.Ordinal))
            {
                table.AddRow([what, .. columns.Select(c => c?.Items.FirstOrDefault(i => i.What == what) is { } item ? Figures.Bytes(item.Bytes) : "-")]);
            }

            table.AddEmptyRow();
            table.AddRow(["[bold]together[/]", .. columns.Select(c => c is null ? "-" : $"[bold]{Figures.Bytes(c.Bytes)}[/]")]);
            table.AddRow(["most while it", .. columns.Select(c => c?.Moment ?? "-")]);
            console.Write(table);
        }

        static TableColumn Right(string name) => new TableColumn(name).RightAligned();
    }

    private static string Count(int? value) => value is { } v ? Figures.Count(v) : "?";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private sealed record Asked(int Context, int Batch, int Rank, string Device);
}
