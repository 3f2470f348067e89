using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Axpo.Architecture.Tests;

/// <summary>The product's assemblies, read as metadata: nothing of them is loaded or run.</summary>
internal static class Assemblies
{
    /// <summary>Names that an assembly refers to.</summary>
    public static string[] References(string assembly)
    {
        using var stream = File.OpenRead(PathOf(assembly));
        using var file = new PEReader(stream);
        var metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(h => metadata.GetString(metadata.GetAssemblyReference(h).Name))];
    }

    /// <summary>Everything that an assembly reaches through Axpo's own assemblies.</summary>
    public static HashSet<string> Reach(string assembly)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([assembly]);
        while (open.TryPop(out var next))
        {
            foreach (var reference in References(next).Where(reached.Add).Where(IsOurs))
            {
                open.Push(reference);
            }
        }

        return reached;
    }

    /// <summary>Full names of the types that an assembly names, its own and others'.</summary>
    public static IReadOnlyList<(string Namespace, string Name)> NamedTypes(string assembly)
    {
        using var stream = File.OpenRead(PathOf(assembly));
        using var file = new PEReader(stream);
        var metadata = file.GetMetadataReader();
        return [.. metadata.TypeReferences.Select(metadata.GetTypeReference).Select(t => (metadata.GetString(t.Namespace), metadata.GetString(t.Name)))];
    }

    /// <summary>Types that an assembly defines.</summary>
    public static IReadOnlyList<(string Name, TypeAttributes Attributes)> DefinedTypes(string assembly)
    {
        using var stream = File.OpenRead(PathOf(assembly));
        using var file = new PEReader(stream);
        var metadata = file.GetMetadataReader();
        return [.. metadata.TypeDefinitions.Select(metadata.GetTypeDefinition).Select(t => (metadata.GetString(t.Name), t.Attributes))];
    }

    public static bool IsOurs(string name) => name == "axpo" || name.StartsWith("Axpo.", StringComparison.Ordinal);

    private static string PathOf(string assembly) => Path.Combine(AppContext.BaseDirectory, assembly + ".dll");
}
