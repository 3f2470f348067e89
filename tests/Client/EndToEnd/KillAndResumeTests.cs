using Axpo.Environments.Tools.Python;
using Axpo.Silo.Storage;
using Shouldly;
using Xunit;

namespace Axpo.Client.Tests.EndToEnd;

/// <summary>The console as it is typed, stopped in every way.</summary>
[Collection(EndToEndCollection.Name)]
public sealed class KillAndResumeTests(KillAndResumeTests.Uninterrupted uninterrupted) : IClassFixture<KillAndResumeTests.Uninterrupted>, IDisposable
{
    private const string Name = "k";
    private const int Steps = 4;

    /// <summary>Exit code of a process that was killed: 128 + SIGKILL.</summary>
    private const int Killed = 137;

    private static readonly string[] Train =
    [
        "train", "--name", Name, "--steps", $"{Steps}", "--set", "engine.deterministic=true", "--set", "rollouts.questions=4", "--set", "rollouts.groupSize=4",
        "--set", "evaluation.every=2", "--set", "evaluation.questions=4", "--set", "evaluation.finalQuestions=4", "--set", "evaluation.samples=2",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("axpo-kill-").FullName;

    private RunFolders Folders => new(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_killed_run_goes_on_as_if_nothing_had_happened()
    {
        var whole = await uninterrupted.RunAsync();
        using (var run = AxpoProcess.Start([.. Train, "--runs", _folder]))
        {
            await run.LineAsync($"step 2/{Steps}");
            await WrittenAsync(Path.Combine(Folders.Trajectories(Name), "train-00003.jsonl"));

            // Frozen, it is in the middle when it is killed, in step 3 or, on a fast machine, in step 4; meanwhile another process may not host it as well.
            run.Freeze();
            using (var second = AxpoProcess.Start("runs", "resume", Name, "--runs", _folder))
            {
                (await second.EndAsync()).ShouldBe((int)ExitCode.BadInput, second.Error);
                second.Error.ShouldBe($"error: run: '{Name}': is under way in process {run.Id}; watch it with: axpo runs watch {Name}{Environment.NewLine}");
            }

            var sandboxes = OtherProcess.Below(run.Id);
            run.Kill();
            (await run.EndAsync()).ShouldBe(Killed, run.Error);
            sandboxes.Select(s => s.Name).ShouldContain(n => n.StartsWith("python", StringComparison.Ordinal));
            foreach (var sandbox in sandboxes)
            {
                (await sandbox.EndsAsync(AxpoProcess.Liveness)).ShouldBeTrue($"{sandbox.Name} {sandbox.Id} is left behind");
                sandbox.Dispose();
            }
        }

        var steps = new StoredRun(Folders, Name).Steps;
        steps.Length.ShouldBeInRange(3, Steps);
        steps.ShouldBe(Enumerable.Range(0, steps.Length));
        using var again = AxpoProcess.Start("runs", "resume", Name, "--runs", _folder);
        (await again.EndAsync()).ShouldBe((int)ExitCode.Done, again.Error);
        new StoredRun(Folders, Name).ShouldEqual(whole, Steps);
    }

    [Fact]
    public async Task Ctrl_C_stops_cleanly_says_how_to_go_on_and_the_run_goes_on()
    {
        var whole = await uninterrupted.RunAsync();
        using (var run = AxpoProcess.Start([.. Train, "--runs", _folder]))
        {
            await run.LineAsync($"step 1/{Steps}");
            run.Interrupt();
            (await run.EndAsync()).ShouldBe((int)ExitCode.Stopped, run.Error);
            run.Error.ShouldContain($"go on with: axpo runs resume {Name}");
        }

        new StoredRun(Folders, Name).Steps.Length.ShouldBeLessThan(Steps + 1);
        using var again = AxpoProcess.Start("runs", "resume", Name, "--runs", _folder);
        (await again.EndAsync()).ShouldBe((int)ExitCode.Done, again.Error);
        new StoredRun(Folders, Name).ShouldEqual(whole, Steps);
    }

    /// <summary>Waits until something stands in a file that a process writes.</summary>
    private static async Task WrittenAsync(string path)
    {
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(Path.GetDirectoryName(path)!, Path.GetFileName(path)) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.Size | NotifyFilters.LastWrite };
        watcher.Created += (_, _) => Look();
        watcher.Changed += (_, _) => Look();
        watcher.EnableRaisingEvents = true;
        Look();
        try
        {
            await written.Task.WaitAsync(AxpoProcess.Liveness);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"did not come: a rollout in {path}", e);
        }

        void Look()
        {
            if (new FileInfo(path) is { Exists: true, Length: > 0 })
            {
                written.TrySetResult();
            }
        }
    }

    /// <summary>The same run from start to end, made by the first test that asks; skips where python has no sandbox.</summary>
    public sealed class Uninterrupted : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("axpo-kill-").FullName;
        private StoredRun? _run;

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        internal async Task<StoredRun> RunAsync()
        {
            if (_run is null)
            {
                await using var python = new PythonTool(new PythonToolOptions());
                var probe = await python.ProbeAsync(TestContext.Current.CancellationToken);
                Assert.SkipUnless(probe.Works, $"python has no sandbox here: {probe.Detail}. {probe.Remedy}");
                using var run = AxpoProcess.Start([.. Train, "--runs", _folder]);
                (await run.EndAsync()).ShouldBe((int)ExitCode.Done, run.Error);
                _run = new StoredRun(new RunFolders(_folder), Name);
            }

            return _run;
        }
    }
}
