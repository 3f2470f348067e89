using Axpo.Core;
using Axpo.Training.Devices;
using Axpo.Training.Generation;
using CsCheck;
using Shouldly;
using Xunit;
using static Axpo.Training.Tests.Generation.EngineFixture;

namespace Axpo.Training.Tests.Generation;

/// <summary>Which sequences a step takes where the KV of all does not fit the cache.</summary>
public sealed class DecodeWaveTests(EngineFixture fixture) : IClassFixture<EngineFixture>
{
    [Fact]
    public void What_fits_goes_together()
    {
        var wave = new DecodeWave(bytes: 640, pageBytes: 1, fewest: 16);
        var all = Singles(64, pages: 10);
        Step(wave, all).ShouldBe(all);
        new DecodeWave(bytes: 0, pageBytes: 1, fewest: 16).Takes(all[0]).ShouldBeTrue();
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
                for (var step = 0; step < DecodeWave.Steps; step++)
                {
                    Step(wave, all).ShouldBe(all[first..(first + 16)]);
                }
            }
        }
    }

    [Fact]
    public void A_wave_is_as_many_as_products_like()
    {
        var wave = new DecodeWave(bytes: 450, pageBytes: 1, fewest: 16);
        Step(wave, Singles(64, pages: 10)).Length.ShouldBe(32, "45 would fit");
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
        var wave = new DecodeWave(bytes: 48, pageBytes: 1, fewest: 8);
        Sequence[] few = [.. Group("g0", 8, shared: 16, own: 1), .. Group("g1", 8, shared: 16, own: 1)];
        Step(wave, few).ShouldBe(few);
        Sequence[] many = [.. few, .. Singles(40, pages: 2)];
        Step(wave, many).Length.ShouldBe(24, "new ones come first: 48 pages are 24 of them");
    }

    [Fact]
    public void Who_ends_is_replaced_and_the_others_of_the_wave_stay()
    {
        var wave = new DecodeWave(bytes: 160, pageBytes: 1, fewest: 16);
        var all = Singles(64, pages: 10);
        Step(wave, all).ShouldBe(all[..16]);
        Step(wave, all[4..]).ShouldBe(all[4..20]);
        for (var step = 2; step < DecodeWave.Steps; step++)
        {
            Step(wave, all[4..]).ShouldBe(all[4..20]);
        }

        Step(wave, all[4..]).ShouldBe(all[20..36]);
    }

    /// <summary>Sequences come, grow, pause and end as they like.</summary>
    [Fact]
    public void Nobody_starves_and_a_wave_keeps_to_its_bytes() =>
        Gen.Select(Gen.Int[1, 200], Gen.Int[1, 8], Gen.Select(Gen.Int[0, 3], Gen.Int[1, 20], Gen.Int[0, 99]).Array[20, 400]).Sample((bytes, fewest, events) =>
        {
            var wave = new DecodeWave(bytes, pageBytes: 1, fewest);
            var (live, waited) = (new List<Sequence>(), new Dictionary<Sequence, int>());
            var (most, at) = (0, 0);
            for (var step = 0; step < 20 * DecodeWave.Steps; step++)
            {
                if (step % 3 == 0 && at < events.Length)
                {
                    var (kind, pages, which) = events[at++];
                    if (kind == 0 && live.Count > 0)
                    {
                        live.RemoveAt(which % live.Count);
                    }
                    else
                    {
                        var group = kind == 1 ? $"g{which % 4}" : null;
                        live.Add(new Sequence(Request($"s{at}", [1], group: group)) { Session = New($"s{at}", group, pages) });
                    }
                }

                if (live.Count == 0)
                {
                    continue;
                }

                var taken = Step(wave, live);
                most = Math.Max(most, live.Count);
                taken.Length.ShouldBeGreaterThanOrEqualTo(Math.Min(fewest, live.Count));
                foreach (var group in live.Where(s => s.Request.Group is not null).GroupBy(s => s.Request.Group))
                {
                    group.Count(taken.Contains).ShouldBeOneOf(0, group.Count());
                }

                foreach (var sequence in live)
                {
                    waited[sequence] = taken.Contains(sequence) ? 0 : waited.GetValueOrDefault(sequence) + 1;
                    waited[sequence].ShouldBeLessThanOrEqualTo((most + 1) * DecodeWave.Steps);
                }
            }
        });

    [Fact]
    public async Task Waves_change_no_bit_and_who_waits_for_one_is_cancelled_at_once()
    {
        const int CancelledAt = 40;
        var options = new EngineOptions { Deterministic = true, KvMebibytes = 64, MaxBatch = 64, Workers = 2 };
        var requests = Enumerable.Range(0, 48).Select(i => Request($"r/{i}", Prompt(20 + i, (ulong)i), max: 100, key: i, group: i < 24 ? $"r/{i / 8}" : null)).ToArray();
        await using var plain = await fixture.StartAsync(options);
        var wanted = await Task.WhenAll(requests.Select(r => plain.GenerateAsync(r, TestContext.Current.CancellationToken)));

        await using var waves = await fixture.StartAsync(options);
        waves.Loop.Wave = new DecodeWave(bytes: 100, pageBytes: 1, fewest: 8);
        var (widest, rows) = (0, 0);
        var live = new List<int>();
        using var source = new CancellationTokenSource();
        waves.Loop.BeforeShare = share => Interlocked.Add(ref rows, share.Work.Count(w => w.Count <= 1));
        waves.Loop.BeforeStep = step =>
        {
            (widest, rows) = (Math.Max(widest, rows), 0);
            if (step is CancelledAt or CancelledAt + 1)
            {
                live.Add(waves.Status.LiveSequences);
                source.Cancel();
            }
        };
        var calls = requests.Select(r => waves.GenerateAsync(r, TestContext.Current.CancellationToken)).ToArray();
        var doomed = waves.GenerateAsync(Request("r/doomed", Prompt(20, 99), max: 400, key: 99), source.Token);
        var results = await Task.WhenAll(calls);
        foreach (var (result, want) in results.Zip(wanted))
        {
            result.Tokens.ShouldBe(want.Tokens);
            result.LogProbs.ShouldBe(want.LogProbs);
        }

        var given = await doomed;
        (given.Status, given.Tokens.Length).ShouldBe((GenerateStatus.Cancelled, 1), "the one after its context; then it waited");
        live.ShouldBe([49, 48]);
        widest.ShouldBeInRange(8, 40, "rows of a step; all would be 48");
    }

    [Fact]
    public void The_last_level_of_the_processors_cache_is_read_as_Linux_tells_it()
    {
        var folder = Directory.CreateTempSubdirectory("axpo-cache-").FullName;
        try
        {
            ProcessorCache.Read(folder).ShouldBe(0);
            foreach (var (index, level, size) in new[] { (0, "1", "32K"), (1, "1", "32K"), (2, "2", "1024K"), (3, "3", "32768K") })
            {
                var cache = Directory.CreateDirectory(Path.Combine(folder, $"index{index}")).FullName;
                File.WriteAllText(Path.Combine(cache, "level"), level + "\n");
                File.WriteAllText(Path.Combine(cache, "size"), size + "\n");
            }

            ProcessorCache.Read(folder).ShouldBe(32L << 20);
            ProcessorCache.Read(Path.Combine(folder, "none")).ShouldBe(0);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Sequence[] Step(DecodeWave wave, IReadOnlyList<Sequence> decoding)
    {
        wave.Next(decoding);
        return [.. decoding.Where(wave.Takes)];
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
