using System.Globalization;

namespace Axpo.Client.Running;

/// <summary>Figures as people read them; a figure that does not exist is a dash.</summary>
internal static class Figures
{
    /// <summary>A rate in [0, 1], three digits.</summary>
    public static string Rate(double? value) => Number(value, "0.000");

    /// <summary>A number in a format.</summary>
    public static string Number(double? value, string format) => value is { } v && double.IsFinite(v) ? v.ToString(format, CultureInfo.InvariantCulture) : "-";

    /// <summary>A difference with its sign.</summary>
    public static string Signed(double value) => value.ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture);

    /// <summary>A count with thousands apart.</summary>
    public static string Count(double value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in GiB, or in MiB where that is less than one.</summary>
    public static string Bytes(long value) => value >= 1L << 30
        ? (value / (double)(1L << 30)).ToString("#,0.00", CultureInfo.InvariantCulture) + " GiB"
        : (value / (double)(1L << 20)).ToString("0.0", CultureInfo.InvariantCulture) + " MiB";

    /// <summary>Seconds as m:ss, or h:mm:ss.</summary>
    public static string Time(double? seconds) => seconds is { } s && double.IsFinite(s)
        ? TimeSpan.FromSeconds(Math.Round(s)).ToString(s >= 3600 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture)
        : "-";

    /// <summary>What a phase is called while it is under way.</summary>
    public static string Phase(RunPhase phase) => phase switch
    {
        RunPhase.Created => "starting",
        RunPhase.Evaluating => "held-out evaluation",
        RunPhase.RollingOut => "rollouts",
        RunPhase.Resampling => "resampling",
        RunPhase.Updating => "update",
        RunPhase.Done => "done",
        RunPhase.Failed => "failed",
        RunPhase.Cancelled => "stopped",
        RunPhase.Paused => "paused",
        _ => phase.ToString(),
    };
}
