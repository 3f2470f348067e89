using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Silo.Hosting;
using Axpo.Silo.Sft;
using Axpo.Training.Sft;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo sft</c>: trains a policy from a scripted teacher's traces.</summary>
internal static class SftCommand
{
    public static Command Create(CommandContext context)
    {
        var recipe = new Option<string>("--recipe") { Description = $"Recorded recipe: {string.Join(" or ", SftRecipes.Names)}.", HelpName = "NAME", Required = true };
        var output = new Option<string>("--out") { Description = "Model folder to write; it must not exist.", HelpName = "FOLDER", Required = true };
        var from = new Option<string?>("--from") { Description = "Model folder to go on from; default: a fresh axpo-tiny.", HelpName = "FOLDER" };
        var seed = new Option<ulong?>("--seed") { Description = "Seed of data, order and weights; default: the recipe's.", HelpName = "N" };
        var steps = new Option<int?>("--steps") { Description = "Stops after so many steps; the learning-rate schedule stays the recipe's.", HelpName = "N" };
        return new Command("sft", "Trains a policy from a scripted teacher's traces, on the training split.") { recipe, output, from, seed, steps }.Does(async (parsed, cancellationToken) =>
        {
            var job = Check(parsed.GetRequiredValue(recipe), parsed.GetRequiredValue(output), parsed.GetValue(from), parsed.GetValue(steps));
            var options = parsed.GetValue(seed) is { } s ? job.Options with { Seed = s } : job.Options;
            var folder = parsed.GetRequiredValue(output);
            var started = context.Time.GetTimestamp();
            var loss = await ShowAsync(context, job, progress => TinyModels.TrainAsync(job, options, parsed.GetValue(from), folder, progress, context.Time, cancellationToken));
            var seconds = context.Time.GetElapsedTime(started);
            if (context.Json)
            {
                context.WriteJsonLine(new { done = true, recipe = job.Name, folder, seed = options.Seed, validationLoss = loss, seconds = seconds.TotalSeconds });
            }
            else
            {
                context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder} is written: {job.Description}; validation loss {loss:F4} after {job.Stages.Sum(t => t.Steps)} steps in {Figures.Time(seconds.TotalSeconds)}"));
            }

            return ExitCode.Done;
        });
    }

    /// <summary>Finds everything that is wrong before anything starts.</summary>
    private static SftRecipe Check(string recipe, string output, string? from, int? steps)
    {
        var problems = new List<Problem>();
        if (!SftRecipes.Names.Contains(recipe))
        {
            problems.Add(new Problem("--recipe", recipe, "unknown" + NearestName.Hint(recipe, SftRecipes.Names)));
        }

        if (Directory.Exists(output) || File.Exists(output))
        {
            problems.Add(new Problem("--out", output, "exists; a model folder is never overwritten: choose another, or remove it first"));
        }

        if (steps < 1)
        {
            problems.Add(new Problem("--steps", steps.Value.ToString(CultureInfo.InvariantCulture), "expected a whole number of at least 1"));
        }

        if (from is not null)
        {
            var missing = new[] { "config.json", "tokenizer.json", "tokenizer_config.json" }.FirstOrDefault(f => !File.Exists(Path.Combine(from, f)));
            if (!Directory.Exists(from))
            {
                problems.Add(new Problem("--from", from, "there is no such folder; give a model folder, for example models/axpo-tiny-gap"));
            }
            else if (missing is not null)
            {
                problems.Add(new Problem("--from", from, $"is no model folder: it holds no {missing}"));
            }
        }

        return problems.Count == 0 ? Cut(SftRecipes.Get(recipe), steps ?? int.MaxValue) : throw new PreflightException(problems);
    }

    /// <summary>The first steps of a recipe.</summary>
    private static SftRecipe Cut(SftRecipe recipe, int steps)
    {
        var stages = new List<SftStage>();
        foreach (var stage in recipe.Stages)
        {
            var left = steps - stages.Sum(s => s.Steps);
            if (left > 0)
            {
                stages.Add(stage with { Steps = Math.Min(stage.Steps, left) });
            }
        }

        return recipe with { Stages = stages };
    }

    private static async Task<double> ShowAsync(CommandContext context, SftRecipe recipe, Func<IProgress<SftProgress>, Task<double>> train)
    {
        if (!context.IsTerminal)
        {
            return await train(new SftLines(context, recipe.Options.ValidateEvery));
        }

        return await context.Console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async display =>
            {
                var bar = display.AddTask(Markup.Escape(recipe.Name), maxValue: recipe.Stages.Sum(s => s.Steps));
                return await train(new SftBar(bar));
            });
    }

    private static string Describe(SftProgress p) => string.Create(
        CultureInfo.InvariantCulture,
        $"{p.Stage}  step {p.Step}/{p.Steps}  loss {p.Loss:F4}  validation {(p.ValidationLoss is { } v ? v.ToString("F4", CultureInfo.InvariantCulture) : "-")}  {p.TokensPerSecond:F0} tokens/s");

    /// <summary>A live bar.</summary>
    private sealed class SftBar(ProgressTask bar) : IProgress<SftProgress>
    {
        public void Report(SftProgress value)
        {
            bar.Description = Markup.Escape(Describe(value));
            bar.Value = value.Step;
        }
    }

    /// <summary>A line now and then: at the first step, the last one, and every validation.</summary>
    private sealed class SftLines(CommandContext context, int every) : IProgress<SftProgress>
    {
        private readonly long _started = context.Time.GetTimestamp();

        public void Report(SftProgress value)
        {
            if (value.Step != 1 && value.Step != value.Steps && value.Step % every != 0)
            {
                return;
            }

            var left = context.Time.GetElapsedTime(_started) / value.Step * (value.Steps - value.Step);
            if (context.Json)
            {
                context.WriteJsonLine(new { value.Step, value.Steps, value.Stage, value.Loss, value.ValidationLoss, value.Tokens, value.TokensPerSecond, secondsLeft = left.TotalSeconds });
            }
            else
            {
                context.Console.WriteLine($"{Describe(value)}  {Figures.Time(left.TotalSeconds)} left");
            }
        }
    }
}
