using System.Globalization;
using System.Text;

namespace Axpo.Silo.Comparisons;

/// <summary>Results as CSV (RFC 4180), one line a seed and figure: every evaluation of every run, and the figures of training.</summary>
internal static class ResultsCsv
{
    /// <summary>Writes the file.</summary>
    public static string Write(ComparedRuns runs)
    {
        var text = new StringBuilder("name,seed,kind,sampling,suite,calls,step,generated_tokens,training_seconds,questions,measure,value\n");
        foreach (var (name, own) in runs.All)
        {
            foreach (var run in own)
            {
                foreach (var measure in TrainingMeasure.All)
                {
                    Line(name, run, "training", "", null, run.Summary.Steps.Count, 0, measure.Id, measure.Of(run));
                }

                foreach (var evaluation in run.Summary.Evaluations)
                {
                    var sampling = evaluation.Sampling == HeldOutSampling.Paper ? "paper" : "t1";
                    foreach (var measure in HeldOutMeasure.All(evaluation.Samples))
                    {
                        Line(name, run, "held-out", sampling, null, evaluation.Step, evaluation.Live.Length, measure.Id, measure.Mean(evaluation, int.MaxValue));
                        foreach (var part in runs.Parts)
                        {
                            bool IsOf(int question) => part.Holds(run.Summary.Questions[question]);
                            Line(name, run, "held-out", sampling, part, evaluation.Step, Enumerable.Range(0, evaluation.Live.Length).Count(IsOf), measure.Id, measure.Mean(evaluation, int.MaxValue, IsOf));
                        }
                    }
                }
            }
        }

        return text.ToString();

        void Line(string name, ComparedRun run, string kind, string sampling, HeldOutPart? part, int step, int questions, string measure, double value) => text.Append(
            CultureInfo.InvariantCulture,
            $"{name},{run.Summary.Seed},{kind},{sampling},{part?.Suite},{part?.Calls},{step},{run.TokensAt(step)},{Math.Round(run.SecondsAt(step), 3)},{questions},{measure},{(double.IsFinite(value) ? Math.Round(value, 6).ToString(CultureInfo.InvariantCulture) : "")}\n");
    }
}
