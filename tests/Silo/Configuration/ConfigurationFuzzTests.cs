using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Axpo.Core;
using Axpo.Silo.Configuration;
using Axpo.Silo.Hosting;
using Axpo.Silo.Runs;
using Axpo.Silo.Storage;
using CsCheck;
using Shouldly;
using Xunit;

namespace Axpo.Silo.Tests.Configuration;

/// <summary>Whatever a configuration holds: it is read, or refused with every fault named by its key; never another error, never half of it.</summary>
public sealed class ConfigurationFuzzTests : IDisposable
{
    private const int Cases = 1000;

    private static readonly Gen<string> _json = Gen.OneOf<string>(
        "null", "true", "false", "0", "-1", "1", "8", "8.5", "1e308", "1e999", "-0", "99999999999999999999", "\"\"", "\"8\"", "\"true\"", "\"NaN\"", "\"first\"", "\"../../x\"", "\"\\u0000\"", "[]", "[8]", "{}",
        "{\"a\":1}", "{\"mental-arithmetic\":\"1\"}", "{\"a\":{\"b\":{}}}", "\"" + new string('x', 5000) + "\"");

    private static readonly Gen<string> _path = Gen.Select(Gen.OneOf<string>([.. ConfigurationKey.Values.Select(k => k.Path), .. ConfigurationKey.Root.Select(k => k.Path)]), Gen.Int[0, 9], Gen.Char.AlphaNumeric, (path, kind, letter) => kind switch
    {
        0 => path + letter,
        1 => path.Length > 1 ? path[..^1] : path,
        2 => path.ToUpperInvariant(),
        3 => path + "." + letter,
        _ => path,
    });

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Any_document_is_read_or_refused_by_key()
    {
        var file = Path.Combine(_folder.Path, "run.json");
        Gen.Select(_path, _json).List[1, 6].Sample(
            settings =>
            {
                var document = new JsonObject();
                foreach (var (path, value) in settings)
                {
                    Put(document, path.Split('.'), value);
                }

                File.WriteAllText(file, document.ToJsonString());
                Try(new ConfigurationSources { File = file });
            },
            iter: Cases, threads: 1);
    }

    [Fact]
    public void Any_assignment_is_read_or_refused_by_key() =>
        Gen.Select(_path, Gen.OneOf<string>((IGen<string>)_json, Gen.String)).List[1, 4].Sample(
            settings => Try(new ConfigurationSources { Sets = [.. settings.Select(s => ("--set", $"{s.Item1}={s.Item2}"))] }),
            iter: Cases, threads: 1);

    [Fact]
    public void A_file_that_is_no_JSON_is_refused()
    {
        var file = Path.Combine(_folder.Path, "run.json");
        Gen.Byte.Array[0, 200].Sample(
            bytes =>
            {
                File.WriteAllBytes(file, bytes);
                Try(new ConfigurationSources { File = file });
            },
            iter: Cases, threads: 1);
    }

    [Fact]
    public async Task A_manifest_of_an_older_version_is_read_with_todays_defaults_and_one_of_a_newer_one_too()
    {
        var folders = new RunFolders(_folder.Path);
        var token = TestContext.Current.CancellationToken;
        var manifests = new RunManifests(folders);
        await manifests.CreateAsync(new RunManifest { Name = "r", Kind = Grains.Abstractions.RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "", Configuration = new RunConfiguration { Steps = 3 } }, token);
        var json = JsonNode.Parse(await File.ReadAllTextAsync(folders.Manifest("r"), token))!;
        var configuration = json["configuration"]!.AsObject();
        configuration.Remove("rewards");
        configuration.Remove("conventions");
        configuration["objective"]!.AsObject().Remove("aggregation");
        configuration["resample"]!.AsObject().Remove("enabled");
        configuration["ofTomorrow"] = new JsonObject { ["x"] = 1 };
        await File.WriteAllTextAsync(folders.Manifest("r"), json.ToJsonString(), token);

        var read = (await manifests.ReadAsync("r", token)).Configuration;
        (read.Steps, read.Rewards.ToolTerm, read.Conventions, read.Objective.Aggregation, read.Resample.Enabled).ShouldBe((3, 0, "axpo", LossAggregation.TermMean, true));
    }

    [Fact]
    public async Task Two_runs_of_one_name_are_refused_and_the_first_stays()
    {
        var manifests = new RunManifests(new RunFolders(_folder.Path));
        var manifest = new RunManifest { Name = "r", Kind = Grains.Abstractions.RunKind.Train, Created = DateTimeOffset.UnixEpoch, ModelSha256 = "first", Configuration = new RunConfiguration() };
        await manifests.CreateAsync(manifest, TestContext.Current.CancellationToken);
        (await Should.ThrowAsync<InvalidOperationException>(async () => await manifests.CreateAsync(manifest with { ModelSha256 = "second" }, TestContext.Current.CancellationToken))).Message.ShouldContain("'r' exists");
        (await manifests.ReadAsync("r", TestContext.Current.CancellationToken)).ModelSha256.ShouldBe("first");
    }

    private static void Try(ConfigurationSources sources)
    {
        try
        {
            var loaded = RunConfigurationLoader.Load(sources);
            JsonSerializer.Deserialize<RunConfiguration>(JsonSerializer.Serialize(loaded.Configuration, AxpoJson.Pretty), AxpoJson.Pretty).ShouldNotBeNull();
        }
        catch (PreflightException e)
        {
            e.Problems.ShouldNotBeEmpty();
            e.Problems.ShouldAllBe(p => p.Field.Length > 0 && p.Remedy.Length > 0 && !p.IsEnvironment);
        }
    }

    private static void Put(JsonObject into, string[] path, string value)
    {
        foreach (var name in path[..^1])
        {
            if (into[name] is not JsonObject)
            {
                into[name] = new JsonObject();
            }

            into = (JsonObject)into[name]!;
        }

        try
        {
            into[path[^1]] = JsonNode.Parse(value);
        }
        catch (JsonException)
        {
            into[path[^1]] = value.ToString(CultureInfo.InvariantCulture);
        }
    }
}
