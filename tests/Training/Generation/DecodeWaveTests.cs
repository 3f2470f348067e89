using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using Axpo.Training.Models;
using CsCheck;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Which sequences a step takes where the KV of all does not fit the cache.</summary>
public sealed class DecodeWaveTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    [Fact]
    public void Up_to_twice_a_wave_goes_together()
    {
        var all = Singles(64, pages: 10);
        Step(new DecodeWave(bytes: 320, pageBytes: 1, fewest: 16), all).ShouldBe(all);
        Step(new DecodeWave(bytes: 319, pageBytes: 1, fewest: 16), all).ShouldBe(all[..16]);
        Step(new DecodeWave(bytes: 0, pageBytes: 1, fewest: 16), all).ShouldBe(all);
    }

    [Fact]
    public void Waves_take_turns_and_everybody_has_as_many_steps()
    {
        // 160 bytes are 16 of them.
        var wave = new DecodeWave(bytes: 175, pageBytes: 1, fewest: 16);
        var all = Singles(64, pages: 10);
        foreach (var _ in new int[2])
        {
            for (var first = 0; first < 64; first += 16)
            {
                for (var step = 0; step < DecodeWave.Turn; step++)
                {
                    Step(wave, all).ShouldBe(all[first..(first + 16)]);
                    wave.LeftOut.ShouldBe(48);
                }
            }
        }
    }

    [Fact]
    public void A_wave_is_as_many_as_products_like_unless_that_would_leave_out_more_than_one_multiple()
    {
        Step(new DecodeWave(bytes: 310, pageBytes: 1, fewest: 16), Singles(64, pages: 10)).Length.ShouldBe(16, "31 would fit");
        Sequence[] uneven = [.. Group("a", 16, shared: 0, own: 1), .. Enumerable.Range(0, 20).SelectMany(g => Group($"g{g}", 5, shared: 0, own: 1))];
        Step(new DecodeWave(bytes: 57, pageBytes: 1, fewest: 16), uneven).Length.ShouldBe(56);
    }

    [Fact]
    public void Groups_go_together_and_their_shared_pages_count_once()
    {
        var wave = new DecodeWave(bytes: 48, pageBytes: 1, fewest: 16);
        var groups = Enumerable.Range(0, 8).Select(g => Group($"g{g}", 8, shared: 16, own: 1)).ToArray();
        Sequence[] all = [.. groups.SelectMany(g => g)];
        Step(wave, all).ShouldBe([.. groups[0], .. groups[1]]);

        // One that comes back meanwhile goes with its group.
        var late = new Sequence(Request("late", [1], group: "g1")) { Session = New("late", "g1", 1) };
        Step(wave, [.. all, late]).ShouldBe([.. groups[0], .. groups[1], late]);

        // Whoever else holds the pages (a prompt, sequences that wait for their tools), they are read by whom decodes.
        Sequence[] alone = [.. Enumerable.Range(0, 8).Select(g => groups[g][0])];
        Step(new DecodeWave(bytes: 51, pageBytes: 1, fewest: 1), alone).ShouldBe(alone[..3], "17 pages each");
    }

    [Fact]
    public void Where_too_few_would_fit_all_go()
    {
        var all = Singles(64, pages: 10);
        Step(new DecodeWave(bytes: 79, pageBytes: 1, fewest: 16), all).ShouldBe(all);
        Step(new DecodeWave(bytes: 80, pageBytes: 1, fewest: 16), all).ShouldBe(all[..16]);
    }

    [Fact]
    public void Who_comes_is_considered_though_all_fitted_before()
    {
        var wave = new DecodeWave(bytes: 24, pageBytes: 1, fewest: 8);
        Sequence[] few = [.. Group("g0", 8, shared: 16, own: 1), .. Group("g1", 8, shared: 16, own: 1)];
        Step(wave, few).ShouldBe(few);
        Step(wave, [.. few, .. Singles(40, pages: 2)]).ShouldBe(few[..8]);
    }

    [Fact]
    public void Who_ends_is_replaced_and_who_replaces_has_a_whole_turn()
    {
        var wave = new DecodeWave(bytes: 160, pageBytes: 1, fewest: 16);
        var all = Singles(64, pages: 10);
        Step(wave, all).ShouldBe(all[..16]);
        for (var step = 1; step < DecodeWave.Turn; step++)
        {
            Step(wave, all[4..]).ShouldBe(all[4..20]);
        }

        // Twelve have had their turn; the four that came a step later have one more.
        Step(wave, all[4..]).ShouldBe(all[16..32]);
        Step(wave, all[4..]).ShouldBe(all[20..36]);
    }

    /// <summary>Sequences come, go and come back as they like; each of the queue's front gets its turn before those behind.</summary>
    [Fact]
    public void Nobody_starves_and_groups_stay_together() =>
        Gen.Select(Gen.Int[1, 200], Gen.Int[1, 8], Gen.Select(Gen.Int[0, 3], Gen.Int[1, 20], Gen.Int[0, 99]).Array[20, 200]).Sample(
            (bytes, fewest, events) =>
            {
                var wave = new DecodeWave(bytes, pageBytes: 1, fewest);
                var (live, waited) = (new List<Sequence>(), new Dictionary<Sequence, int>());
                var most = 0;
                for (var step = 0; step < 40 * DecodeWave.Turn; step++)
                {
                    if (step % 7 == 0)
                    {
                        var (kind, pages, which) = events[step / 7 % events.Length];
                        if (live.Count > 0 && (kind < 2 || live.Count == 30))
                        {
                            live.RemoveAt(which % live.Count);
                        }
                        else
                        {
                            var group = kind == 2 ? $"g{which % 4}" : null;
                            live.Add(new Sequence(Request($"s{step}", [1], group: group)) { Session = New($"s{step}", group, pages) });
                        }
                    }

                    var taken = Step(wave, live);
                    most = Math.Max(most, live.Count);
                    taken.Length.ShouldBeGreaterThanOrEqualTo(Math.Min(fewest, live.Count));
                    foreach (var group in live.Where(s => s.Request.Group is not null).GroupBy(s => s.Request.Group))
                    {
                        group.Count(s => s.IsInWave).ShouldBeOneOf(0, group.Count());
                    }

                    foreach (var sequence in live)
                    {
                        waited[sequence] = sequence.IsInWave ? 0 : waited.GetValueOrDefault(sequence) + 1;
                        waited[sequence].ShouldBeLessThanOrEqualTo(((most / fewest) + 2) * DecodeWave.Turn);
                    }
                }
            },
            iter: 30);

    [Fact]
    public void A_wave_keeps_to_its_bytes() =>
        Gen.Select(Gen.Int[1, 300], Gen.Int[1, 16], Gen.Select(Gen.Int[1, 12], Gen.Int[0, 20], Gen.Int[1, 20]).Array[1, 30]).Sample((bytes, fewest, groups) =>
        {
            var all = groups.Select((g, i) => Group($"g{i}", g.Item1, g.Item2, g.Item3)).ToArray();
            Step(new DecodeWave(bytes, pageBytes: 1, fewest), [.. all.SelectMany(g => g)]);
            var taken = all.TakeWhile(g => g[0].IsInWave).ToArray();
            all[taken.Length..].SelectMany(g => g).ShouldAllBe(s => !s.IsInWave);
            if (taken.Length == all.Length)
            {
                return;
            }

            Pages(all).ShouldBeGreaterThan(2 * bytes);
            Pages(taken).ShouldBeLessThanOrEqualTo(2 * bytes);
            (Pages(taken) <= bytes || taken[..^1].Sum(g => g.Length) < fewest).ShouldBeTrue();
            taken.Sum(g => g.Length).ShouldBeGreaterThanOrEqualTo(fewest);

            static int Pages(Sequence[][] some) => some.SelectMany(g => g).SelectMany(s => s.Session!.Pages).Distinct().Count();
        });

    [Fact]
    public void Waves_are_for_packed_weights_that_fit_beside_them()
    {
        using var plain = Decoder.Load(fixture.Folder);
        using var packed = Decoder.LoadPacked(fixture.Folder);
        var weights = 4 * Config.ParameterCount;
        DecodeWave.BytesFor(plain, 1 << 30).ShouldBe(0);
        DecodeWave.BytesFor(packed, 0).ShouldBe(0);
        DecodeWave.BytesFor(packed, (4 * weights) - 4).ShouldBe(0);
        DecodeWave.BytesFor(packed, 4 * weights).ShouldBe(packed.IsPacked ? weights : 0);
        var compute = new HostCompute(packed, new KvLayout(Config), 1 << 20, new ThreadLayout(2, 16), deterministic: false);
        using var pool = compute.Pool;
        compute.Wave.Bytes.ShouldBe(DecodeWave.BytesFor(packed, ProcessorCache.LastLevelBytes));
        compute.Wave.Fewest.ShouldBe(32, "two workers help from 17 rows on");
    }

    [Fact]
    public async Task Waves_change_no_bit_and_who_waits_for_one_is_cancelled_at_once()
    {
        const int CancelledAt = 40;
        var options = new EngineOptions { Deterministic = true, KvMebibytes = 64, MaxBatch = 64, Workers = 2 };
        var requests = Enumerable.Range(0, 48).Select(i => Request($"r/{i}", Prompt(20 + i, (ulong)i), max: 100, key: i, group: i < 24 ? $"r/{i / 8}" : null)).ToArray();
        await using var plain = await fixture.StartAsync(options);
        plain.Loop.Wave = new DecodeWave(bytes: 0, pageBytes: 1, fewest: 8);
        var wanted = await Task.WhenAll(requests.Select(r => plain.GenerateAsync(r, TestContext.Current.CancellationToken)));

        await using var waves = await fixture.StartAsync(options);
        waves.Loop.Wave = new DecodeWave(bytes: 60, pageBytes: 1, fewest: 8);
        var (widest, rows) = (0, 0);
        var live = new List<int>();
        using var source = new CancellationTokenSource();
        using var posted = new ManualResetEventSlim();
        waves.Loop.BeforeShare = share => Interlocked.Add(ref rows, share.Work.Count(w => w.Count <= 1));
        waves.Loop.BeforeStep = step =>
        {
            posted.Wait(TestContext.Current.CancellationToken);
            (widest, rows) = (Math.Max(widest, rows), 0);
            if (step is CancelledAt or CancelledAt + 1)
            {
                live.Add(waves.Status.LiveSequences);
                source.Cancel();
            }
        };
        var calls = requests.Select(r => waves.GenerateAsync(r, TestContext.Current.CancellationToken)).ToArray();
        var doomed = waves.GenerateAsync(Request("r/doomed", Prompt(20, 99), max: 400, key: 99), source.Token);
        posted.Set();
        foreach (var (result, want) in (await Task.WhenAll(calls)).Zip(wanted))
        {
            result.Tokens.ShouldBe(want.Tokens);
            result.LogProbs.ShouldBe(want.LogProbs);
        }

        var given = await doomed;
        (given.Status, given.Tokens.Length).ShouldBe((GenerateStatus.Cancelled, 1), "the one after its context; then it waited");
        live.ShouldBe([49, 48]);
        widest.ShouldBeInRange(8, 40, "rows of a step; all would be 48");
    }

    /// <summary>A prompt of which one token is left is a single row too; those who wait for it have nothing to decode.</summary>
    [Fact]
    public async Task A_prompt_that_a_group_waits_for_does_not_wait_for_a_wave()
    {
        await using var engine = await fixture.StartAsync(new EngineOptions { KvMebibytes = 64, MaxBatch = 64, Workers = 2 });
        engine.Loop.Wave = new DecodeWave(bytes: 24, pageBytes: 1, fewest: 8);
        using var posted = new ManualResetEventSlim();
        var late = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        var tokens = new List<int>();
        engine.Loop.BeforeStep = step =>
        {
            posted.Wait(TestContext.Current.CancellationToken);
            if (step == 8)
            {
                // Its context is one token: a row like any other.
                late.SetResult(Task.WhenAll(Enumerable.Range(0, 2).Select(i => engine.GenerateAsync(Request($"late/{i}", [7], max: 200, key: 100 + i, group: "late"), TestContext.Current.CancellationToken))));
            }
        };
        engine.Loop.AfterToken = (sequence, _) => tokens.Add(sequence.Request.Group == "late" ? 1 : 0);
        var calls = Enumerable.Range(0, 40).Select(i => engine.GenerateAsync(Request($"r/{i}", Prompt(40, (ulong)i), max: 200, key: i), TestContext.Current.CancellationToken)).ToArray();
        posted.Set();
        await Task.WhenAll(calls);
        await await late.Task;
        tokens.IndexOf(1).ShouldBeInRange(1, 40 + (10 * 8), "of ten steps of a wave of eight");
    }

    private static Sequence[] Step(DecodeWave wave, IReadOnlyList<Sequence> decoding)
    {
        wave.Next(decoding);
        return [.. decoding.Where(s => s.IsInWave)];
    }

    private static Sequence[] Singles(int count, int pages) => [.. Enumerable.Range(0, count).Select(i => new Sequence(Request($"s{i}", [1])) { Session = New($"s{i}", null, pages) })];

    private static Sequence[] Group(string name, int count, int shared, int own)
    {
        var prefix = Enumerable.Range(0, shared).Select(i => Page(i, count)).ToArray();
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var session = New($"{name}/{i}", name, own);
            session.Pages.InsertRange(0, prefix);
            return new Sequence(Request(session.Id, [1], group: name)) { Session = session };
        })];
    }

    private static Session New(string id, string? group, int pages)
    {
        var session = new Session(id, group);
        session.Pages.AddRange(Enumerable.Range(0, pages).Select(i => Page(i, 1)));
        return session;
    }

    private static unsafe KvPage Page(int index, int holders) => new(index, null) { Holders = holders };
}
