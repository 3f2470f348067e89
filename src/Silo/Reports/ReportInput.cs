using System.Collections.ObjectModel;
using Axpo.Silo.Runs;

namespace Axpo.Silo.Reports;

/// <summary>Everything that stands on the page of a run. Equal input gives equal pages.</summary>
public sealed record ReportInput
{
    /// <summary>What the run was asked to do.</summary>
    public required RunManifest Manifest { get; init; }

    /// <summary>Metrics in order of steps.</summary>
    public required IReadOnlyList<MetricsRow> Rows { get; init; }

    /// <summary>The drop ledger.</summary>
    public IReadOnlyList<DropRecord> Drops { get; init; } = [];

    /// <summary>Groups of the table, in the order shown.</summary>
    public IReadOnlyList<ReportGroup> Groups { get; init; } = [];

    /// <summary>Groups whose trajectories are shown, in the order shown.</summary>
    public IReadOnlyList<ReportGroup> Samples { get; init; } = [];

    /// <summary>Pictures of the images in them, by hash; an image without one is named only.</summary>
    public IReadOnlyDictionary<string, ReportPicture> Pictures { get; init; } = ReadOnlyDictionary<string, ReportPicture>.Empty;

    /// <summary>Why something is missing from the page, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>A question with its rollouts.</summary>
public sealed record ReportGroup
{
    /// <summary>Phase of the group.</summary>
    public required Phase Phase { get; init; }

    /// <summary>Step of the group.</summary>
    public required int Step { get; init; }

    /// <summary>Index of the question.</summary>
    public required int Question { get; init; }

    /// <summary>Suite of the question; empty if no rollout is stored.</summary>
    public required string Suite { get; init; }

    /// <summary>The question as asked; null if it could not be read.</summary>
    public string? Text { get; init; }

    /// <summary>Ground truth; null if it is not known here.</summary>
    public string? Truth { get; init; }

    /// <summary>Images that the question shows, in order.</summary>
    public IReadOnlyList<ImageRef> Images { get; init; } = [];

    /// <summary>Original rollouts in order.</summary>
    public required IReadOnlyList<ReportRollout> Rollouts { get; init; }

    /// <summary>Prefixes that were resampled, in order of their sources.</summary>
    public IReadOnlyList<ReportPrefix> Prefixes { get; init; } = [];

    /// <summary>Which subgroup triggers.</summary>
    public ResampleTrigger Trigger { get; init; }

    /// <summary>Whether the subgroup that triggers (the tool-using one unless configured otherwise) is non-empty and none of it is correct.</summary>
    public bool Triggered
    {
        get
        {
            ReportRollout[] members = [.. Rollouts.Where(r => r.Outcome != Outcome.Void && r.IsToolUsing == (Trigger == ResampleTrigger.ToolUsing))];
            return members.Length > 0 && members.All(r => r.Outcome == Outcome.Wrong);
        }
    }

    /// <summary>Whether a resampled prefix has a correct continuation.</summary>
    public bool Recovered => Prefixes.Any(p => p.Recovered);
}

/// <summary>A prefix with its continuations.</summary>
/// <param name="Source">Index of the source rollout.</param>
/// <param name="Confidence">Mean probability of the call's sampled tokens; NaN if unknown.</param>
/// <param name="Continuations">Continuations in order of k.</param>
public sealed record ReportPrefix(int Source, double Confidence, IReadOnlyList<ReportRollout> Continuations)
{
    /// <summary>Whether any continuation is correct.</summary>
    public bool Recovered => Continuations.Any(c => c.Outcome == Outcome.Correct);
}

/// <summary>A rollout.</summary>
public sealed record ReportRollout
{
    /// <summary>Index of the rollout in its group, of the continuation in its prefix.</summary>
    public required int Index { get; init; }

    /// <summary>How it ended.</summary>
    public required Outcome Outcome { get; init; }

    /// <summary>Why it is void.</summary>
    public VoidCause Cause { get; init; }

    /// <summary>Why it ended.</summary>
    public EndReason End { get; init; }

    /// <summary>Whether it emitted a call.</summary>
    public bool IsToolUsing { get; init; }

    /// <summary>The answer that was verified; null if there was none.</summary>
    public string? Answer { get; init; }

    /// <summary>Turns taken.</summary>
    public int Turns { get; init; }

    /// <summary>Tokens that it sampled itself.</summary>
    public int SampledTokens { get; init; }

    /// <summary>Advantage of its loss tokens (of the prefix where only the prefix is trained); null where it carries no loss.</summary>
    public double? Advantage { get; init; }

    /// <summary>Images that it saw, in order: the question's, then those of tools.</summary>
    public IReadOnlyList<ImageRef> Images { get; init; } = [];

    /// <summary>Its text in pieces; empty if it is not shown.</summary>
    public IReadOnlyList<ReportPiece> Pieces { get; init; } = [];
}

/// <summary>What a piece of a trajectory is to its rollout.</summary>
public enum PieceRole
{
    /// <summary>Its own.</summary>
    Own,

    /// <summary>Inherited from the source, or before the segment that a resampled prefix is credited on: dimmed.</summary>
    Inherited,

    /// <summary>After the end of a prefix that was resampled: out of the loss.</summary>
    Masked,
}

/// <summary>A piece of a trajectory's text.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Role">Whose it is.</param>
/// <param name="Text">Its text, decoded from tokens; an image is one mark in it. Untrusted.</param>
public sealed record ReportPiece(SegmentKind Kind, PieceRole Role, string Text)
{
    /// <summary>Indices of the images among its tokens (<see cref="ReportRollout.Images"/>).</summary>
    public IReadOnlyList<int> Images { get; init; } = [];

    /// <summary>Where its call looked; null where it is no zoom.</summary>
    public ZoomFrame? Zoom { get; init; }
}
