namespace Axpo.Silo.Hosting;

/// <summary>Where model folders are.</summary>
public static class ModelFolders
{
    /// <summary>
    /// The full path of a model folder: as given, from the working directory; a relative one that is not there is looked for beside the program and
    /// above it, so that the shipped models are found from any directory of a checkout.
    /// </summary>
    public static string Resolve(string model)
    {
        if (!Directory.Exists(model) && !Path.IsPathRooted(model))
        {
            for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            {
                var candidate = Path.Combine(folder.FullName, model);
                if (File.Exists(Path.Combine(candidate, "config.json")))
                {
                    return candidate;
                }
            }
        }

        return Path.GetFullPath(model);
    }
}
