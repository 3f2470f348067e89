using System.Security.Cryptography;
using Axpo.Training.Safetensors;
using Xunit;

namespace Axpo.Training.Tests.Models;

/// <summary>
/// SmolLM2-135M-Instruct under the folder that AXPO_MODELS names: as it is, or out of its archive, expanded once into a folder beside the system's other temporary ones, whose name is the archive's hash.
/// </summary>
internal static class PretrainedFolder
{
    private const string Variable = "AXPO_MODELS";
    private const string Name = "smollm2-135m-instruct";
    private const string Sha256 = "d8d8571b3af99053c8ad455ce009d8479eec5da515f80a417c075d0a7f317904";

    private static readonly Lazy<(string? Folder, string WhyNot)> _found = new(Find);

    /// <summary>The folder, its weights checked; the test is skipped where there is none.</summary>
    /// <exception cref="InvalidDataException">The weights are others than those that the numbers were made with.</exception>
    public static string Require()
    {
        var (folder, why) = _found.Value;
        Assert.SkipWhen(folder is null, why);
        return folder!;
    }

    private static (string? Folder, string WhyNot) Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } models)
        {
            return (null, $"{Variable} is not set: it should name a folder that holds {Name}/ or {Name}.tar.xz");
        }

        var (folder, archive) = (Path.Combine(models, Name), Path.Combine(models, Name + ".tar.xz"));
        if (!File.Exists(Path.Combine(folder, ModelWeights.FileName)))
        {
            if (!File.Exists(archive))
            {
                return (null, $"{Variable}={models} holds neither {Name}/{ModelWeights.FileName} nor {Name}.tar.xz");
            }

            if (WhyNotExpanded(archive, out folder) is { } why)
            {
                return (null, why);
            }
        }

        var hash = ModelWeights.Sha256(folder);
        return hash == Sha256
            ? (folder, "")
            : throw new InvalidDataException($"{folder}: the weights have sha256 {hash}, the expected numbers were made with {Sha256}; this is another model");
    }

    private static string? WhyNotExpanded(string archive, out string folder)
    {
        string key;
        using (var file = File.OpenRead(archive))
        {
            key = Convert.ToHexStringLower(SHA256.HashData(file));
        }

        var cache = Path.Combine(Path.GetTempPath(), "axpo-models");
        folder = Path.Combine(cache, key, Name);
        if (Directory.Exists(folder))
        {
            return null;
        }

        foreach (var (tool, arguments) in new[] { ("tar", "--version"), ("xz", "--version"), ("python3", "-c|import hashlib, json, struct") })
        {
            if (OutsideProgram.Run(tool, arguments.Split('|')) is not null)
            {
                return $"{archive} is not expanded yet, for which tar, xz and python3 with its standard library are wanted; {tool} does not run";
            }
        }

        // Expanded aside and renamed: it is there whole or not at all.
        Directory.CreateDirectory(Path.Combine(cache, key));
        var aside = Path.Combine(cache, $"{key}.{Guid.NewGuid():N}.part");
        Directory.CreateDirectory(aside);
        try
        {
            var expanded = Path.Combine(aside, Name);
            if ((OutsideProgram.Run("tar", "xJf", archive, "-C", aside, "--no-same-owner") ?? OutsideProgram.Run("python3", Path.Combine(expanded, "expand.py"), expanded)) is { } fault)
            {
                throw new InvalidDataException($"{archive}: cannot be expanded: {fault}");
            }

            Directory.Delete(Path.Combine(expanded, "packed"), recursive: true);
            Directory.Move(expanded, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another process was faster.
        }
        finally
        {
            Directory.Delete(aside, recursive: true);
        }

        return null;
    }
}
