using System.CommandLine;
using System.Globalization;
using Axpo.Client.Running;
using Axpo.Silo.Hosting;
using Axpo.Silo.Sft;
using Axpo.Training.Sft;
using Microsoft.Extensions.DependencyInjection;
using Spectre.Console;

namespace Axpo.Client.Commands;

/// <summary><c>axpo sft</c>: trains a policy from a scripted teacher's traces.</summary>
internal static class SftCommand
{
    // What no option, file or variable can set: an empty model is refused there.
    private const string Fresh = "";

    public static Command Create(CommandContext context)
    {
        var recipe = new Option<string>("--recipe") { Description = $"Recorded recipe: {string.Join(", ", SftRecipes.Names)}.", HelpName = "NAME", Required = true };
        var output = new Option<string>("--out") { Description = "Model folder to write; it must not exist.", HelpName = "FOLDER", Required = true };
        var merged = new Option<bool>("--merged") { Description = "Writes the whole model with the adapter in its weights (with learner.lora.rank above 0)." };
        var steps = new Option<int?>("--steps") { Description = "Stops after so many steps; the learning-rate schedule stays the recipe's.", HelpName = "N" };
        var rate = new Option<double?>("--rate") { Description = "Peak learning rate; default: the recipe's.", HelpName = "RATE" };
        var batch = new Option<int?>("--batch") { Description = "Traces a step; default: the recipe's.", HelpName = "N" };
        var options = new ConfigurationOptions(context);
        var command = new Command(
            "sft",
            "Trains a policy from a scripted teacher's traces, on the training split. --model is the policy to go on from (default: a fresh axpo-tiny); of the configuration also seed, chat, learner.lora and learner.device count.")
        { recipe, output, merged, steps, rate, batch };
        options.AddTo(command, "--algorithm", "--conventions", "--steps");
        return command.Does(async (parsed, cancellationToken) =>
        {
            var configuration = options.Load(parsed, new RunConfiguration { Model = Fresh, Learner = new LearnerOptions { Device = "cpu" } }).Configuration;
            var asked = new Asked(parsed.GetRequiredValue(recipe), parsed.GetRequiredValue(output), parsed.GetValue(merged), parsed.GetValue(steps), parsed.GetValue(rate), parsed.GetValue(batch), configuration);
            Check(asked);
            var chosen = SftRecipes.Get(asked.Recipe);
            await using var services = new ServiceCollection().AddAxpoTools(configuration.Tools).BuildServiceProvider();
            var job = asked.Over(chosen.Job) with
            {
                Tools = [.. services.GetServices<ITool>().Select(t => t.Spec)],
                Images = chosen.Sees ? services.GetRequiredService<IQuestionImages>() : null,
            };
            var started = context.Time.GetTimestamp();
            var loss = await ShowAsync(context, chosen.Name, job, progress => TinyModels.TrainAsync(job, asked.From, asked.Output, asked.Merged, progress, context.Time, cancellationToken));
            var seconds = context.Time.GetElapsedTime(started);
            if (context.Json)
            {
                context.WriteJsonLine(new { done = true, recipe = chosen.Name, folder = asked.Output, seed = job.Options.Seed, validationLoss = loss, seconds = seconds.TotalSeconds });
            }
            else
            {
                context.Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{asked.Output} is written: {chosen.Description}; validation loss {loss:F4} after {job.Stages.Sum(t => t.Steps)} steps in {Figures.Time(seconds.TotalSeconds)}"));
            }

            return ExitCode.Done;
        });
    }

    /// <summary>Finds everything that is wrong before anything starts.</summary>
    private static void Check(Asked asked)
    {
        var problems = new List<Problem>();
        if (!SftRecipes.Names.Contains(asked.Recipe))
        {
            problems.Add(new Problem("--recipe", asked.Recipe, "unknown" + NearestName.Hint(asked.Recipe, SftRecipes.Names)));
        }
        else if (asked.From is null && SftRecipes.Get(asked.Recipe).From is { } before)
        {
            problems.Add(new Problem("--model", "", $"the recipe {asked.Recipe} goes on from {before}; give its Hugging Face folder"));
        }

        if (Directory.Exists(asked.Output) || File.Exists(asked.Output))
        {
            problems.Add(new Problem("--out", asked.Output, "exists; a model folder is never overwritten: choose another, or remove it first"));
        }

        var adapts = asked.Configuration.Learner.Lora.Rank > 0;
        if (asked.Merged && !adapts)
        {
            problems.Add(new Problem("--merged", "", "there is no adapter to merge; give --set learner.lora.rank=N with it"));
        }

        if (adapts && asked.From is null)
        {
            problems.Add(new Problem("learner.lora.rank", asked.Configuration.Learner.Lora.Rank.ToString(CultureInfo.InvariantCulture), "an adapter needs a model below it; give --model FOLDER"));
        }

        AddIf(asked.Steps < 1, "--steps", asked.Steps, "expected a whole number of at least 1");
        AddIf(asked.Batch < 1, "--batch", asked.Batch, "expected a whole number of at least 1");
        AddIf(asked.Rate is { } rate && !(rate > 0 && rate <= 10), "--rate", asked.Rate, "expected a number above 0 and at most 10");
        problems.AddRange(Preflight.CheckSft(asked.Configuration with { Model = asked.From ?? Fresh }, asked.From is not null, SftRecipes.Names.Contains(asked.Recipe) && SftRecipes.Get(asked.Recipe).Sees));
        if (problems.Count > 0)
        {
            throw new PreflightException(problems);
        }

        void AddIf(bool isWrong, string option, IFormattable? value, string expected)
        {
            if (isWrong)
            {
                problems.Add(new Problem(option, value!.ToString(null, CultureInfo.InvariantCulture), expected));
            }
        }
    }

    /// <summary>The first steps of a recipe.</summary>
    private static List<SftStage> Cut(IReadOnlyList<SftStage> whole, int steps)
    {
        var stages = new List<SftStage>();
        foreach (var stage in whole)
        {
            var left = steps - stages.Sum(s => s.Steps);
            if (left > 0)
            {
                stages.Add(stage with { Steps = Math.Min(stage.Steps, left) });
            }
        }

        return stages;
    }

    private static async Task<double> ShowAsync(CommandContext context, string name, SftJob job, Func<IProgress<SftProgress>, Task<double>> train)
    {
        if (!context.IsTerminal)
        {
            return await train(new SftLines(context, job.Options.ValidateEvery));
        }

        return await context.Console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async display =>
            {
                var bar = display.AddTask(Markup.Escape(name), maxValue: job.Stages.Sum(s => s.Steps));
                return await train(new SftBar(bar));
            });
    }

    private static string Describe(SftProgress p) => string.Create(
        CultureInfo.InvariantCulture,
        $"{p.Stage}  step {p.Step}/{p.Steps}  loss {p.Loss:F4}  validation {(p.ValidationLoss is { } v ? v.ToString("F4", CultureInfo.InvariantCulture) : "-")}  {p.TokensPerSecond:F0} tokens/s");

    /// <summary>What the command line asks for.</summary>
    private sealed record Asked(string Recipe, string Output, bool Merged, int? Steps, double? Rate, int? Batch, RunConfiguration Configuration)
    {
        /// <summary>Folder of the model to go on from; null: a fresh one.</summary>
        public string? From => Configuration.Model == Fresh ? null : ModelFolders.Resolve(Configuration.Model);

        /// <summary>A recipe's job, with what was asked otherwise.</summary>
        public SftJob Over(SftJob job) => job with
        {
            Options = job.Options with
            {
                Seed = Configuration.Seed,
                LearningRate = Rate ?? job.Options.LearningRate,
                BatchSize = Batch ?? job.Options.BatchSize,
                Lora = Configuration.Learner.Lora,
                Device = Configuration.Learner.Device,
            },
            Stages = Cut(job.Stages, Steps ?? int.MaxValue),
            Chat = Configuration.Chat,
        };
    }

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
