namespace Axpo.Environments.Tests;

/// <summary>A folder that ends with the test.</summary>
internal sealed class TempFolder : IDisposable
{
    private const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGM8ISfHgA0wYRUdtBIA0MoBFD5jqJkAAAAASUVORK5CYII=";

    public string Path { get; } = Directory.CreateTempSubdirectory("axpo-test-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a PNG of 8 x 8 pixels.</summary>
    public string Picture(string name)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        System.IO.File.WriteAllBytes(File(name), Convert.FromBase64String(Png));
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
