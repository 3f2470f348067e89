using Axpo.Environments.Facts;
using Axpo.Environments.Suites;
using Axpo.Environments.Suites.Pictures;
using Axpo.Training.Sft;

namespace Axpo.Silo.Sft;

/// <summary>A recorded recipe.</summary>
/// <param name="Name">Name on the console.</param>
/// <param name="Description">What it makes.</param>
/// <param name="Job">What is trained on, and how.</param>
/// <param name="From">The model that it goes on from; null: it can also begin with a fresh one.</param>
/// <param name="Sees">Whether its questions have images; a fresh model is then one that sees.</param>
public sealed record SftRecipe(string Name, string Description, SftJob Job, string? From = null, bool Sees = false);

/// <summary>The recipes: of the checkpoints in <c>models/</c>, of policies that studies begin with, and one for models that talk already.</summary>
public static class SftRecipes
{
    /// <summary>Names of the recipes.</summary>
    public static IReadOnlyList<string> Names { get; } = ["chains-3", "chains-8", "chains-8-exact", "gap", "gap-chains", "tiny", "tiny-vl", "tiny-vl-reading", "tiny-vl-suites", "tools"];

    /// <summary>A recipe by name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public static SftRecipe Get(string name) => name switch
    {
        "chains-3" => Chains(3),
        "chains-8" => Chains(8),
        "chains-8-exact" => Chains(8, SearchMatch.Exact),
        "gap" => Gap(),
        "gap-chains" => GapChains(),
        "tiny" => Tiny(),
        "tiny-vl" => TinyVl(),
        "tiny-vl-reading" => TinyVlReading(),
        "tiny-vl-suites" => TinyVlSuites(),
        "tools" => Tools(),
        _ => throw new KeyNotFoundException($"sft: there is no recipe '{name}'; one of {string.Join(", ", Names)}"),
    };

    /// <summary>The texts from which the tokenizer of axpo-tiny-vl learns its words.</summary>
    public static IEnumerable<string> PictureTokenizerCorpus()
    {
        var key = ChanceKey.Root(0).With("tokenizer");
        string[] scaffolding = ["use image_zoom_in", "then image_zoom_in", "I see it", "image 1", "image 2"];
        return TokenizerCorpus()
            .Concat(Enumerable.Repeat(scaffolding, 1000).SelectMany(t => t))
            .Concat(FactBase.Numbers.Where(f => f.Split == Split.Train).Select(f => f.Title))
            .Concat(new CalendarSuite().Draw(Split.Train, key, 6000).Concat(PictureSuites.SelectMany(s => s.Draw(Split.Train, key, 1000))).SelectMany(q => new[] { q.Text, q.Answer }));
    }

    /// <summary>The texts from which the tokenizer of axpo-tiny learns its words.</summary>
    public static IEnumerable<string> TokenizerCorpus()
    {
        var key = ChanceKey.Root(0).With("tokenizer");
        string[] scaffolding = ["use python", "I can do it", "use search", "then search", "python", "no results", "Error: "];
        foreach (var text in Enumerable.Repeat(scaffolding, 1000).SelectMany(t => t))
        {
            yield return text;
        }

        foreach (var suite in new ITaskSuite[] { new MentalArithmetic(), new ArithmeticSuite(), new FactSuite(), new FactChainSuite() })
        {
            foreach (var question in suite.Draw(Split.Train, key, 3000))
            {
                yield return question.Text;
            }
        }

        foreach (var fact in FactBase.OneHop.Concat(FactBase.Chains).Where(f => f.Split == Split.Train))
        {
            yield return fact.Title;
            yield return fact.Answer;
        }
    }

    /// <summary>
    /// Regime W: one suite on which thinking and calling pay alike, calls in a quarter of its traces, stopped half-way down the cosine so that room is left. Some
    /// traces calculate with large numbers, always by a call: so what is learnt about calls (copy the operands, believe the result) is a skill that
    /// reinforcement learning can strengthen, and not one more table to memorise.
    /// </summary>
    private static SftRecipe Gap()
    {
        var mental = new MentalArithmetic();
        var arithmetic = new ArithmeticSuite();
        return new SftRecipe(
            "gap",
            "axpo-tiny-gap: mental-arithmetic, where thinking and calling pay alike",
            new SftJob(
                new SftOptions { ScheduleSteps = 1600, ByLength = false, Threads = 1 },
                [new SftStage("mental-arithmetic", 800, key => Any(Split.Train, key))],
                key => Any(Split.Validation, key)));

        TeacherTrace Any(Split split, ChanceKey key) => key.With("mix").Uniform(0, 0) < .15
            ? arithmetic.Demonstrate(arithmetic.Draw(split, key.With("q"), 1)[0], true, key)
            : SuiteMixture.Trace(mental, split, .25, key);
    }

    /// <summary>
    /// Facts and chains of at most so many hops: two policies that differ in how long the chains were that their training showed. After copying, sixty steps are enough to show how it goes; whoever
    /// goes on has memorised the countries, and nothing fails in training any more.
    /// </summary>
    private static SftRecipe Chains(int longest, SearchMatch match = SearchMatch.Any)
    {
        const int copy = 1000;
        const int suites = 60;
        var (suffix, purpose) = match == SearchMatch.Exact ? ("-exact", ", for tools.webSearch.match=exact") : ("", "");
        var fact = new FactSuite(match);
        var chain = new FactChainSuite(2, longest, match);
        var copier = new CopyTeacher(calculates: false, match);
        var mixture = new SuiteMixture((fact, 20, 1), (chain, 80, 1));
        return new SftRecipe(
            $"chains-{longest}{suffix}",
            $"fact and fact-chain of 2 to {longest} hops{purpose}",
            new SftJob(
                new SftOptions { ScheduleSteps = 2500, ByLength = false, Threads = 1 },
                [
                    new SftStage("copy", copy, copier.Draw),
                    new SftStage("suites", suites, key => key.With("copy or suite").Uniform(0, 0) < .25 ? copier.Draw(key) : mixture.Draw(Split.Train, key)),
                ],
                key => mixture.Draw(Split.Validation, key)));
    }

    /// <summary>
    /// The gap and chains in one policy. Whoever can copy names, as chains need it, copies operands too, and its calls would all be right; so the teacher slips: a third of its
    /// calls in mental arithmetic are another question's, and the answer believes them. So there thinking and calling pay alike again, and calls are rare.
    /// </summary>
    private static SftRecipe GapChains()
    {
        const int copy = 700;
        const int mixed = 1600;
        const double slips = .35;
        var (mental, fact, chain, copier) = (new MentalArithmetic(), new FactSuite(), new FactChainSuite(2, 4), new CopyTeacher());
        return new SftRecipe(
            "gap-chains",
            "mental-arithmetic, where thinking and calling pay alike, with fact and fact-chain of 2 to 4 hops",
            new SftJob(
                new SftOptions { ScheduleSteps = copy + mixed + 500, ByLength = false, Threads = 1 },
                [
                    new SftStage("copy", copy, copier.Draw),
                    new SftStage("suites", mixed, key => key.With("copy or suite").Uniform(0, 0) < .12 ? copier.Draw(key) : Any(Split.Train, key)),
                ],
                key => Any(Split.Validation, key)));

        TeacherTrace Any(Split split, ChanceKey key) => key.With("suite").Uniform(0, 0) switch
        {
            < .5 => Mental(split, key),
            < .6 => SuiteMixture.Trace(fact, split, 1, key),
            _ => SuiteMixture.Trace(chain, split, 1, key),
        };

        TeacherTrace Mental(Split split, ChanceKey key)
        {
            var trace = SuiteMixture.Trace(mental, split, .25, key);
            return trace.Steps.Count == 0 || key.With("slip").Uniform(0, 0) >= slips
                ? trace
                : SuiteMixture.Trace(mental, split, 1, key.With("slipped")) with { Question = trace.Question };
        }
    }

    /// <summary>All four suites: learn to copy first, then the suites, under one schedule.</summary>
    private static SftRecipe Tiny()
    {
        const int copy = 1000;
        const int mixed = 2000;
        var mental = new MentalArithmetic();
        var arithmetic = new ArithmeticSuite();
        var fact = new FactSuite();
        var chain = new FactChainSuite(2, 6);
        var copier = new CopyTeacher();
        var mixture = new SuiteMixture((mental, 25, .25), (arithmetic, 15, 1), (fact, 25, 1), (chain, 35, 1));
        return new SftRecipe(
            "tiny",
            "axpo-tiny: mental-arithmetic, arithmetic, fact and fact-chain",
            new SftJob(
                new SftOptions { ScheduleSteps = copy + mixed, ByLength = false, Threads = 1 },
                [
                    new SftStage("copy", copy, copier.Draw),
                    new SftStage("suites", mixed, key => key.With("copy or suite").Uniform(0, 0) < .25 ? copier.Draw(key) : mixture.Draw(Split.Train, key)),
                ],
                key => mixture.Draw(Split.Validation, key)));
    }

    private static DigitSuite[] PictureSuites => [new FindDigitSuite(), new CompareDigitsSuite(), new SumDigitsSuite(), new PictureFactSuite()];

    /// <summary>
    /// All nine suites: to find a digit and to read it comes first, since it takes longest; then the suites, with copying, under one schedule; half of the traces have pictures
    /// then. Some of those answer at a glance, which is a guess: so whoever zooms gains. What was found to matter is in docs/models.md.
    /// </summary>
    private static SftRecipe TinyVl()
    {
        const int first = 1200;
        const int all = 1600;
        var (mental, arithmetic, calendar, fact, chain) = (new MentalArithmetic(), new ArithmeticSuite(), new CalendarSuite(), new FactSuite(), new FactChainSuite(2, 4));
        var (read, find, nested, compare, sum, picture) = (new FindDigitSuite(0, 0), new FindDigitSuite(), new FindDigitSuite(2, 3), new CompareDigitsSuite(2, 3), new SumDigitsSuite(), new PictureFactSuite());
        var copier = new CopyTeacher();
        var mixture = new SuiteMixture(
            (mental, 8, .25),
            (arithmetic, 5, 1),
            (calendar, 7, 1),
            (fact, 8, 1),
            (chain, 8, 1),
            (read, 4, 0),
            (find, 30, .5),
            (nested, 3, 1),
            (compare, 9, .7),
            (sum, 9, .9),
            (picture, 9, 1));
        return new SftRecipe(
            "tiny-vl",
            "axpo-tiny-vl, first part: a fresh Qwen3-VL learns to see and to zoom, and is shown all nine suites",
            new SftJob(
                new SftOptions { BatchSize = 32, ScheduleSteps = first + all, LearningRate = 1e-3, ByLength = false, Threads = 2 },
                [
                    new SftStage("find-digit", first, key => key.With("read or find").Uniform(0, 0) < .2 ? SuiteMixture.Trace(read, Split.Train, 0, key) : SuiteMixture.Trace(find, Split.Train, .95, key)),
                    new SftStage("suites", all, key => key.With("copy or suite").Uniform(0, 0) < .25 ? copier.Draw(key) : mixture.Draw(Split.Train, key)),
                ],
                key => mixture.Draw(Split.Validation, key)),
            Sees: true);
    }

    /// <summary>
    /// Second part of axpo-tiny-vl, from what <c>tiny-vl</c> wrote: to copy, as axpo-tiny learns it, with enough pictures that what is seen stays seen; then all nine suites, text in half of
    /// the traces, under one schedule.
    /// </summary>
    private static SftRecipe TinyVlSuites()
    {
        const int copy = 1200;
        const int all = 3600;
        var (mental, arithmetic, calendar, fact, chain) = (new MentalArithmetic(), new ArithmeticSuite(), new CalendarSuite(), new FactSuite(), new FactChainSuite(2, 4));
        var (read, find, nested, compare, sum, picture) = (new FindDigitSuite(0, 0), new FindDigitSuite(), new FindDigitSuite(2, 3), new CompareDigitsSuite(2, 3), new SumDigitsSuite(), new PictureFactSuite());
        var copier = new CopyTeacher();
        var mixture = new SuiteMixture(
            (mental, 9, .25),
            (arithmetic, 7, 1),
            (calendar, 8, 1),
            (fact, 10, 1),
            (chain, 12, 1),
            (read, 4, 0),
            (find, 18, .5),
            (nested, 5, 1),
            (compare, 9, .7),
            (sum, 8, .9),
            (picture, 10, 1));
        return new SftRecipe(
            "tiny-vl-suites",
            "axpo-tiny-vl, from what tiny-vl wrote: copying, then all nine suites again",
            new SftJob(
                new SftOptions { BatchSize = 32, ScheduleSteps = copy + all, LearningRate = 1e-3, ByLength = false, Threads = 2 },
                [
                    new SftStage("copy", copy, key => key.With("copy or find").Uniform(0, 0) < .75 ? copier.Draw(key) : SuiteMixture.Trace(find, Split.Train, .5, key)),
                    new SftStage("suites", all, key => key.With("copy or suite").Uniform(0, 0) < .15 ? copier.Draw(key) : mixture.Draw(Split.Train, key)),
                ],
                key => mixture.Draw(Split.Validation, key)),
            From: "what tiny-vl wrote",
            Sees: true);
    }

    /// <summary>Last part of axpo-tiny-vl, from what <c>tiny-vl-suites</c> wrote: what was read is said before it is used, random numbers are looked up, and the suites where several digits are read weigh more.</summary>
    private static SftRecipe TinyVlReading()
    {
        const int steps = 1600;
        var (mental, arithmetic, calendar, fact, chain) = (new MentalArithmetic(), new ArithmeticSuite(), new CalendarSuite(), new FactSuite(), new FactChainSuite(2, 4));
        var (read, find, nested, compare, sum, picture) = (new FindDigitSuite(0, 0), new FindDigitSuite(), new FindDigitSuite(2, 3), new CompareDigitsSuite(2, 3), new SumDigitsSuite(), new PictureFactSuite(3, 4));
        var (copier, numbers) = (new CopyTeacher(), new NumberTeacher());
        var mixture = new SuiteMixture(
            (mental, 9, .25),
            (arithmetic, 6, 1),
            (calendar, 6, 1),
            (fact, 6, 1),
            (chain, 9, 1),
            (read, 3, 0),
            (find, 17, .5),
            (nested, 4, 1),
            (compare, 12, .75),
            (sum, 14, .9),
            (picture, 14, 1));
        return new SftRecipe(
            "tiny-vl-reading",
            "axpo-tiny-vl, from what tiny-vl-suites wrote: several digits read, added up and looked up",
            new SftJob(
                new SftOptions { BatchSize = 32, ScheduleSteps = steps, LearningRate = 1e-3, ByLength = false, Threads = 2 },
                [
                    new SftStage("reading", steps, key => key.With("copy or suite").Uniform(0, 0) switch
                    {
                        < .08 => copier.Draw(key),
                        < .18 => numbers.Draw(key),
                        _ => mixture.Draw(Split.Train, key),
                    }),
                ],
                key => mixture.Draw(Split.Validation, key)),
            From: "what tiny-vl-suites wrote",
            Sees: true);
    }

    /// <summary>
    /// For a model that talks already, and has to learn how tools are called here: few traces, so few steps, and only what it writes itself carries loss. Mental arithmetic is answered without a call in half of them.
    /// </summary>
    private static SftRecipe Tools()
    {
        var mental = new MentalArithmetic();
        var arithmetic = new ArithmeticSuite();
        var fact = new FactSuite();
        var mixture = new SuiteMixture((mental, 35, .5), (arithmetic, 30, 1), (fact, 35, 1));
        return new SftRecipe(
            "tools",
            "mental-arithmetic, arithmetic and fact, for a model that talks already",
            new SftJob(
                new SftOptions { BatchSize = 8, ScheduleSteps = 32, WarmUp = 4, LearningRate = 2e-4, FinalShare = .1, ByLength = false, OtherWeight = 0, WeightDecay = 0, ValidateEvery = 8, ValidationTraces = 32 },
                [new SftStage("tools", 32, key => mixture.Draw(Split.Train, key))],
                key => mixture.Draw(Split.Validation, key)),
            From: "a model that talks already");
    }
}
