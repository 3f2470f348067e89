using System.ComponentModel.DataAnnotations;

namespace Axpo.Environments.Sandbox;

/// <summary>Limits of one session of hostile code.</summary>
public sealed class SandboxOptions
{
    /// <summary><c>auto</c>, <c>bubblewrap</c> or <c>util-linux</c>.</summary>
    /// <value>auto: bubblewrap where it works, else util-linux</value>
    [RegularExpression("auto|bubblewrap|util-linux", ErrorMessage = "must be auto, bubblewrap or util-linux")]
    public string Strategy { get; set; } = "auto";

    /// <summary>The interpreter; empty: found (a real binary, not a shim).</summary>
    /// <value>empty</value>
    public string Python { get; set; } = "";

    /// <summary>Address space of a session in MiB.</summary>
    /// <value>512</value>
    [Range(64, 1_000_000)]
    public int MemoryMebibytes { get; set; } = 512;

    /// <summary>Processes and threads of a session.</summary>
    /// <value>16</value>
    [Range(2, 4096)]
    public int Processes { get; set; } = 16;

    /// <summary>CPU seconds of a session, all its calls together.</summary>
    /// <value>60</value>
    [Range(1, 86_400)]
    public int CpuSeconds { get; set; } = 60;

    /// <summary>Size of a session's own /tmp, and of its largest file, in MiB.</summary>
    /// <value>16</value>
    [Range(1, 100_000)]
    public int DiskMebibytes { get; set; } = 16;

    /// <summary>Room in /tmp for the images of an episode besides, in MiB; one that does not fit, or is larger than the largest file, is left out.</summary>
    /// <value>32</value>
    [Range(1, 100_000)]
    public int ImageMebibytes { get; set; } = 32;

    /// <summary>Pictures that a call may show.</summary>
    /// <value>4</value>
    [Range(1, 64)]
    public int ShownFiles { get; set; } = 4;

    /// <summary>Size of the largest file that a call may show, in MiB.</summary>
    /// <value>8</value>
    [Range(1, 64)]
    public int ShownMebibytes { get; set; } = 8;

    /// <summary>Bytes of output of a call that come back; more is cut off with a mark.</summary>
    /// <value>2,000</value>
    [Range(16, 60_000)]
    public int OutputBytes { get; set; } = 2000;

    /// <summary>Seconds until a sandbox that does not start is given up.</summary>
    /// <value>20</value>
    [Range(1, 600)]
    public int StartSeconds { get; set; } = 20;
}
