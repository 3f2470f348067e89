namespace Axpo.Grains.Trainers;

/// <summary>What a trainer has committed: one ETag-guarded write, after the checkpoint folder is written and before the version is published.</summary>
[GenerateSerializer, Alias("axpo.TrainerState")]
internal sealed class TrainerState
{
    /// <summary>Raised by every activation that takes the run over: a stale one's next write fails by its ETag.</summary>
    [Id(0)] public long Fence { get; set; }

    /// <summary>Committed step.</summary>
    [Id(1)] public int Step { get; set; }

    /// <summary>Committed weights; null at step 0.</summary>
    [Id(2)] public WeightsVersion? Weights { get; set; }

    /// <summary>The batch that made the committed step, with its figures.</summary>
    [Id(3)] public string? Batch { get; set; }

    /// <summary>Figures of that batch.</summary>
    [Id(4)] public UpdateResult? Update { get; set; }

    /// <summary>Every consumed batch, in order.</summary>
    [Id(5)] public List<string> Consumed { get; set; } = [];

    /// <summary>A state that may be changed while this one stays as it is.</summary>
    public TrainerState Copy()
    {
        var copy = (TrainerState)MemberwiseClone();
        copy.Consumed = [.. Consumed];
        return copy;
    }
}
