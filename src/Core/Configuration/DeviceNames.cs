using System.Text.RegularExpressions;

namespace Axpo.Core;

/// <summary>How a configuration names a device; whether it is there is looked at before a run starts.</summary>
public static class DeviceNames
{
    /// <summary>auto, cpu, cuda or cuda:N.</summary>
    public const string Pattern = "auto|cpu|cuda(:(0|[1-9][0-9]{0,2}))?";

    /// <summary>Said of anything else.</summary>
    public const string Message = "must be auto, cpu, cuda or cuda:N";

    /// <summary>Whether a text names a device in this way.</summary>
    public static bool Is(string text) => Regex.IsMatch(text, $"^(?:{Pattern})$", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
}
