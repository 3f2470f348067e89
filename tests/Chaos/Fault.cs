namespace Axpo.Chaos.Tests;

/// <summary>What is done to the cluster.</summary>
internal enum FaultKind
{
    /// <summary><c>kill -9</c> of a silo; its supervisor starts it again.</summary>
    Kill,

    /// <summary>SIGSTOP and SIGCONT of a silo, shorter than it takes the others to declare it dead.</summary>
    ShortPause,

    /// <summary>The same, longer: it wakes up as a silo that is dead to the others.</summary>
    LongPause,

    /// <summary>Supervisor and silo are killed and started again on a clock that is hours off, with fault points armed that throw.</summary>
    Machine,

    /// <summary>The sandboxes of a silo are killed, whatever runs in them.</summary>
    Tool,

    /// <summary>Redis refuses every write for a moment.</summary>
    Storage,

    /// <summary>Redis is killed, and started again with what it had stored.</summary>
    Redis,

    /// <summary>The disk of the shared folder is full for a while.</summary>
    Disk,
}

/// <summary>A drawn fault.</summary>
/// <param name="Kind">What.</param>
/// <param name="Silo">To which silo; a number, modulo the silos that are up.</param>
/// <param name="After">After how many further stored things.</param>
/// <param name="Milliseconds">How long it lasts, where it lasts.</param>
internal sealed record Fault(FaultKind Kind, int Silo, int After, int Milliseconds)
{
    /// <summary>Fault points of the silo that starts again (<c>AXPO_FAULT</c>).</summary>
    public string Points { get; init; } = "";

    /// <summary>Faults in hundredths of all, at most; what is left are tool faults.</summary>
    private static readonly (FaultKind Kind, double Share)[] Shares =
    [
        (FaultKind.Kill, .215), (FaultKind.ShortPause, .075), (FaultKind.LongPause, .025), (FaultKind.Machine, .035), (FaultKind.Storage, .25), (FaultKind.Redis, .04), (FaultKind.Disk, .07),
    ];

    /// <summary>Draws a schedule.</summary>
    public static IReadOnlyList<Fault> Draw(int seed, int count, bool hasDisk)
    {
        var random = new Random(seed);
        var kinds = Shares.Where(s => hasDisk || s.Kind != FaultKind.Disk).SelectMany(s => Enumerable.Repeat(s.Kind, (int)Math.Ceiling(s.Share * count))).Take(count).ToList();
        kinds.AddRange(Enumerable.Repeat(FaultKind.Tool, count - kinds.Count));
        var order = kinds.ToArray();
        random.Shuffle(order);
        return [.. order.Select(kind => new Fault(kind, random.Next(1 << 20), 1 + random.Next(3), kind switch
        {
            FaultKind.ShortPause => random.Next(100, 2500),
            FaultKind.LongPause => random.Next(9000, 13000),
            FaultKind.Storage => random.Next(50, 800),
            FaultKind.Redis => random.Next(0, 2500),
            FaultKind.Disk => random.Next(100, 1500),
            FaultKind.Machine => random.Next(-86_400_000, 86_400_000),
            _ => 0,
        })
        {
            Points = kind == FaultKind.Machine ? string.Join(',', Enumerable.Range(0, 3).Select(_ => $"{FaultPoints.All[random.Next(FaultPoints.All.Count)]}#{1 + random.Next(2)}=throw")) : "",
        })];
    }
}

/// <summary>What became of a fault.</summary>
/// <param name="Fault">It.</param>
/// <param name="Silo">The silo that it hit; empty: all.</param>
/// <param name="At">When.</param>
internal sealed record FaultOutcome(Fault Fault, string Silo, DateTimeOffset At)
{
    /// <summary>Seconds until the next thing was stored; null: none was before the run's end.</summary>
    public double? Progress { get; set; }

    /// <summary>Seconds until what it hit served again; null: it was never gone.</summary>
    public double? Back { get; set; }

    /// <summary>Turns generated again between this fault and the next.</summary>
    public int Redone { get; set; }
}
