using System.Collections.Immutable;
using System.Globalization;

namespace Axpo.Core;

/// <summary>Where in its parent a branch begins.</summary>
public enum BranchPoint : byte
{
    /// <summary>Inside a turn: after the opening tag of a call, or before the answer.</summary>
    Call,

    /// <summary>Before a turn: after the prompt, or after an observation.</summary>
    Turn,
}

/// <summary>One branch: continuation <see cref="K"/> of a prefix that ends after the opening tag of call <see cref="Boundary"/>, or before turn <see cref="Boundary"/>.</summary>
/// <param name="Boundary">Index of the call in the parent's list of calls; index of the turn, from 0.</param>
/// <param name="K">Index of the continuation, 0..K-1.</param>
/// <param name="Point">What <paramref name="Boundary"/> counts.</param>
[GenerateSerializer, Immutable, Alias("axpo.Branch")]
public readonly record struct Branch([property: Id(0)] int Boundary, [property: Id(1)] int K, [property: Id(2)] BranchPoint Point = BranchPoint.Call)
{
    /// <summary><c>b0r2</c> at a call, <c>t1r0</c> before a turn.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{(Point == BranchPoint.Turn ? 't' : 'b')}{Boundary}r{K}");
}

/// <summary>The branches that lead from an original rollout to a continuation; empty for an original one.</summary>
[GenerateSerializer, Immutable, Alias("axpo.BranchPath")]
public readonly record struct BranchPath
{
    [Id(0)]
    private readonly ImmutableArray<Branch> _branches;

    /// <summary>Creates a path.</summary>
    public BranchPath(ImmutableArray<Branch> branches) => _branches = branches;

    /// <summary>The path of an original rollout.</summary>
    public static BranchPath Empty => default;

    /// <summary>From the original rollout outwards.</summary>
    public ImmutableArray<Branch> Branches => _branches.IsDefault ? [] : _branches;

    /// <summary>Whether this is an original rollout.</summary>
    public bool IsEmpty => Branches.IsEmpty;

    /// <summary>This path, one branch longer.</summary>
    public BranchPath Then(Branch branch) => new(Branches.Add(branch));

    /// <summary>This path, one branch at a call longer.</summary>
    public BranchPath Then(int boundary, int k) => Then(new Branch(boundary, k));

    /// <inheritdoc/>
    public bool Equals(BranchPath other) => Branches.AsSpan().SequenceEqual(other.Branches.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary><c>b0r2/t1r0</c>, or the empty string.</summary>
    public override string ToString() => string.Join('/', Branches);
}
