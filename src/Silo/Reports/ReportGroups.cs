using System.Text;
using System.Text.RegularExpressions;

namespace Axpo.Silo.Reports;

/// <summary>Makes the groups of a report from stored rollouts, and chooses which of them to show. Pure.</summary>
public static partial class ReportGroups
{
    private const int MostPieceCharacters = 800;

    /// <summary>The groups of one phase and step, in order of questions.</summary>
    /// <param name="rollouts">Stored rollouts of the phase and step, continuations included.</param>
    /// <param name="drops">The drop ledger: a void rollout without a trajectory stands only here.</param>
    /// <param name="questions">Questions of the phase and step by index; may be empty, then their text comes from the prompt and the truth is not known.</param>
    /// <param name="chat">Decodes tokens; null: no text.</param>
    /// <param name="configuration">Configuration of the run.</param>
    public static IReadOnlyList<ReportGroup> Of(
        IReadOnlyList<Rollout> rollouts, IReadOnlyList<DropRecord> drops, IReadOnlyList<Question> questions, IChatFormat? chat, RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(drops);
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(configuration);
        return [.. rollouts.GroupBy(r => r.Id.Question).OrderBy(g => g.Key)
            .Select(g => Group([.. g], drops, g.Key < questions.Count && questions[g.Key].Id == g.First().QuestionId ? questions[g.Key] : null, chat, configuration))];
    }

    /// <summary>
    /// Chooses the groups whose trajectories are shown: recovered and not recovered ones, the newest first, then one ordinary group (preferably with spread).
    /// </summary>
    /// <param name="newestFirst">Groups, those of the newest step first.</param>
    /// <param name="triggered">Most triggered groups.</param>
    public static IReadOnlyList<ReportGroup> Choose(IReadOnlyList<ReportGroup> newestFirst, int triggered = 4)
    {
        ArgumentNullException.ThrowIfNull(newestFirst);
        ReportGroup[] forked = [.. newestFirst.Where(g => g.Prefixes.Count > 0)];
        var failed = Math.Max(triggered / 2, triggered - forked.Count(g => g.Recovered));
        HashSet<ReportGroup> chosen = [.. forked.Where(g => !g.Recovered).Take(failed)];
        chosen.UnionWith(forked.Where(g => g.Recovered).Take(triggered - chosen.Count));
        ReportGroup[] plain = [.. newestFirst.Where(g => g.Prefixes.Count == 0)];
        var ordinary = plain.FirstOrDefault(g => g.Rollouts.Any(r => r.Outcome == Outcome.Correct) && g.Rollouts.Any(r => r.Outcome == Outcome.Wrong)) ?? plain.FirstOrDefault();
        return [.. forked.Where(chosen.Contains), .. ordinary is null ? Array.Empty<ReportGroup>() : [ordinary]];
    }

    private static ReportGroup Group(Rollout[] rollouts, IReadOnlyList<DropRecord> drops, Question? question, IChatFormat? chat, RunConfiguration configuration)
    {
        var isBranching = configuration.Branching.Rule != BranchingRule.None;
        Rollout[] originals = [.. rollouts.Where(r => isBranching || r.Id.Path.IsEmpty).OrderBy(r => r.Id, Places.Order)];
        var forks = rollouts.Where(r => !isBranching && r.Id.Path.Branches.Length == 1 && originals.Any(o => o.Id == r.Id.Original))
            .GroupBy(r => (Source: r.Id.Original, r.Id.Path.Branches[0].Boundary)).OrderBy(g => g.Key.Source.Rollout)
            .Select(g => new Fork(originals.First(o => o.Id == g.Key.Source), g.Key.Boundary, [.. g.OrderBy(r => r.Id.Path.Branches[0].K)], configuration.Resample.PrefixSpan)).ToArray();
        var id = rollouts[0].Id;
        var isOfGroup = AdvantageEstimators.Get(configuration.Objective.Advantage) is GroupAdvantage or TreeAdvantage;
        var advantages = id.Phase == Phase.Train && isOfGroup ? Advantages(originals, forks, configuration) : [];
        var known = rollouts.Select(r => r.Id).ToHashSet();
        DropRecord[] dropped = [.. drops.Where(d => d.Episode.GroupKey == id.GroupKey && !known.Contains(d.Episode))];
        DropRecord[] without = [.. dropped.Where(d => isBranching || d.Episode.Path.IsEmpty)];
        var places = new Places(originals.Select(r => r.Id).Concat(without.Select(d => d.Episode)));
        return new ReportGroup
        {
            Phase = id.Phase,
            Step = id.Step,
            Question = id.Question,
            Trigger = configuration.Resample.Trigger,
            Suite = rollouts[0].Suite,
            Text = question?.Text ?? PromptText(rollouts[0], chat),
            Truth = question?.Answer,
            Images = [.. rollouts[0].Images.Where(i => i.End <= PromptOf(rollouts[0]).End).Select(i => i.Image)],
            Rollouts = [.. originals
                .Select(r => Of(r, places.Of(r.Id), Array.Find(forks, f => f.Source == r && f.IsLive), advantages, chat))
                .Concat(without.Select(d => Void(d, places.Of(d.Episode))))
                .OrderBy(r => r.Index)],
            Prefixes = [.. forks.Select(f => new ReportPrefix(
                f.Source.Id.Rollout,
                Confidence.At(f.Source, f.Boundary),
                [.. f.Continuations.Select(c => Of(c, c.Id.Path.Branches[0].K, null, advantages, chat))
                    .Concat(dropped.Where(d => !d.Episode.Path.IsEmpty && d.Episode.Original == f.Source.Id).Select(d => Void(d, d.Episode.Path.Branches[0].K)))
                    .OrderBy(c => c.Index)]))],
        };
    }

    private static ReportRollout Of(Rollout rollout, int index, Fork? fork, Dictionary<EpisodeId, double> advantages, IChatFormat? chat) => new()
    {
        Index = index,
        Outcome = rollout.Outcome,
        Cause = rollout.Cause,
        End = rollout.End,
        IsToolUsing = rollout.IsToolUsing,
        Answer = rollout.Answer,
        Turns = rollout.Turns,
        SampledTokens = rollout.SampledTokens,
        Advantage = advantages.TryGetValue(rollout.Id, out var advantage) ? advantage : null,
        Images = [.. rollout.Images.Select(i => i.Image)],
        Pieces = chat is null ? [] : [.. Pieces(rollout, fork, chat)],
    };

    private static ReportRollout Void(DropRecord drop, int index) => new()
    {
        Index = index,
        Outcome = Outcome.Void,
        Cause = drop.Cause,
        End = EndReason.Void,
    };

    /// <summary>Segments as text, the prompt left out, cut where the inherited prefix ends, and where what a prefix is credited on begins and ends.</summary>
    private static IEnumerable<ReportPiece> Pieces(Rollout rollout, Fork? fork, IChatFormat chat)
    {
        var (from, cut) = fork is null ? (rollout.InheritedTokens, rollout.Tokens.Length) : (fork.From, fork.End);
        foreach (var segment in rollout.Segments.Where(s => s.Kind != SegmentKind.Prompt))
        {
            var (own, masked) = (Math.Clamp(from, segment.Start, segment.End), Math.Clamp(cut, segment.Start, segment.End));
            foreach (var (start, end, role) in new[] { (segment.Start, own, PieceRole.Inherited), (own, masked, PieceRole.Own), (masked, segment.End, PieceRole.Masked) })
            {
                if (end > start)
                {
                    yield return new ReportPiece(segment.Kind, role, Figures.Cut(Text(rollout, start, end, chat, t => t), MostPieceCharacters))
                    {
                        Images = [.. rollout.Images.Index().Where(i => start <= i.Item.Start && i.Item.End <= end).Select(i => i.Index)],
                        Zoom = end == segment.End && rollout.Calls.FirstOrDefault(c => c.Closed && c.Start == segment.Start) is { } call ? ZoomFrame.Of(call, rollout.Images.Count(i => i.End <= call.Start)) : null,
                    };
                }
            }
        }
    }

    /// <summary>Advantages as the learner got them, by the same code. Estimators that look at the whole batch have none for one group.</summary>
    private static Dictionary<EpisodeId, double> Advantages(Rollout[] originals, Fork[] forks, RunConfiguration configuration)
    {
        var plan = new ResamplePlan([true], forks.Length, [.. forks.Select(f => new ResampleSelection(0, f.Source.Id, f.Boundary, 0, 1, f.Continuations.Length))]);
        var batch = AdvantageAssigner.Assign("report", originals.Length == 0 ? 0 : originals[0].Id.Step, [originals], plan, [.. forks.Select(f => f.Continuations)], configuration);
        return batch.Sequences.ToDictionary(s => s.Id, s => s.Advantages[Array.IndexOf(s.IsLoss, true)]);
    }

    private static Segment PromptOf(Rollout rollout) => rollout.Segments.FirstOrDefault(s => s.Kind == SegmentKind.Prompt);

    private static string? PromptText(Rollout rollout, IChatFormat? chat)
    {
        var prompt = PromptOf(rollout);
        return chat is null || prompt.Length == 0 ? null : Text(rollout, prompt.Start, prompt.End, chat, text => $"\n{TagsAround().Replace(text, "").Trim()}\n").Trim();
    }

    /// <summary>Tokens [start, end) as text, with a mark in place of the tokens of an image.</summary>
    /// <param name="edit">What becomes of the text between marks.</param>
    private static string Text(Rollout rollout, int start, int end, IChatFormat chat, Func<string, string> edit)
    {
        var text = new StringBuilder();
        var at = start;
        foreach (var (index, image) in rollout.Images.Index().Where(i => i.Item.End > start && i.Item.Start < end))
        {
            Add(image.Start);
            text.Append(PictureMarkup.Mark(index, image.Image));
            at = image.End;
        }

        Add(end);
        return text.ToString();

        void Add(int until)
        {
            if (until > at)
            {
                text.Append(edit(chat.Decode(rollout.Tokens.AsSpan(at, until - at))));
            }
        }
    }

    /// <summary>Tags of the chat format around a question, which a reader need not see.</summary>
    [GeneratedRegex(@"^(<[^<>\s]+>)+|(<[^<>\s]+>)+$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TagsAround();

    /// <summary>Indexes of a group's rollouts: their own, and for branches the numbers behind those, in the order of their ids.</summary>
    private sealed class Places
    {
        private readonly Dictionary<EpisodeId, int> _places = [];

        public Places(IEnumerable<EpisodeId> ids)
        {
            var next = 0;
            foreach (var id in ids.Distinct().Order(Order))
            {
                _places[id] = id.Path.IsEmpty ? id.Rollout : next;
                next = _places[id] + 1;
            }
        }

        /// <summary>Branches last.</summary>
        public static IComparer<EpisodeId> Order { get; } = Comparer<EpisodeId>.Create((a, b) =>
            (!a.Path.IsEmpty, a.Rollout).CompareTo((!b.Path.IsEmpty, b.Rollout)) is not 0 and var order ? order : string.CompareOrdinal(a.Path.ToString(), b.Path.ToString()));

        public int Of(EpisodeId id) => _places[id];
    }

    private sealed record Fork(Rollout Source, int Boundary, Rollout[] Continuations, PrefixSpan Span)
    {
        /// <summary>One past the prefix.</summary>
        public int End => Source.PrefixEnd(Boundary);

        /// <summary>First token that may carry its credit.</summary>
        public int From => Source.CreditedFrom(End, Span);

        public bool IsLive => Continuations.Any(c => c.Outcome != Outcome.Void);
    }
}
