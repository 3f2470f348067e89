using System.Globalization;
using System.Text.Json.Nodes;
using Axpo.Core;

namespace Axpo.Training.Tests.Objectives;

/// <summary>verl's options as ours.</summary>
internal static class VerlOptions
{
    public static LossAggregation Aggregation(string mode) => Enum.Parse<LossAggregation>(mode.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);

    /// <summary><c>rollout_is</c>: a threshold truncates, <c>low_high</c> masks.</summary>
    public static CorrectionOptions Correction(JsonNode? options)
    {
        if (options?["rollout_is"] is not { } level)
        {
            return new CorrectionOptions();
        }

        var bounds = Bounds(options["rollout_is_threshold"]!);
        return new CorrectionOptions
        {
            Level = level.GetValue<string>() == "token" ? CorrectionLevel.Token : CorrectionLevel.Sequence,
            Mode = bounds.Length == 2 ? CorrectionMode.Mask : CorrectionMode.Truncate,
            Low = bounds.Length == 2 ? bounds[0] : 0,
            High = bounds[^1],
            Normalise = options["rollout_is_batch_normalize"]?.GetValue<bool>() ?? false,
        };
    }

    /// <summary><c>rollout_rs</c>: rules and their thresholds, separated by commas.</summary>
    public static RejectionOptions[] Rejection(JsonNode? options)
    {
        if (options?["rollout_rs"] is not { } names)
        {
            return [];
        }

        string[] rules = names.GetValue<string>().Split(',');
        string[] thresholds = options["rollout_rs_threshold"]!.ToString().Split(',');
        return [.. rules.Select((rule, i) =>
        {
            var (level, statistic) = (rule[..rule.LastIndexOf('_')], rule[(rule.LastIndexOf('_') + 1)..]);
            var bounds = Bounds(JsonValue.Create(thresholds[thresholds.Length == 1 ? 0 : i]));
            return new RejectionOptions
            {
                Statistic = Enum.Parse<RejectionStatistic>(statistic, ignoreCase: true),
                Level = level switch
                {
                    "token" => RejectionLevel.Token,
                    "seq_sum" => RejectionLevel.SequenceSum,
                    "seq_mean" => RejectionLevel.SequenceMean,
                    "seq_max" => RejectionLevel.SequenceMax,
                    _ => throw new InvalidDataException($"unknown level {level}"),
                },
                Low = bounds.Length == 2 ? bounds[0] : 0,
                High = bounds[^1],
            };
        })];
    }

    private static double[] Bounds(JsonNode threshold) => [.. threshold.ToString().Split('_').Select(b => double.Parse(b, CultureInfo.InvariantCulture))];
}
