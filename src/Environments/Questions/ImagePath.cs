namespace Axpo.Environments.Questions;

/// <summary>Finds the image files that questions name, never outside the folder of the question file.</summary>
internal static class ImagePath
{
    /// <summary>Resolves a path as a question file writes it.</summary>
    /// <param name="folder">Folder of the question file.</param>
    /// <param name="path">Path relative to it, with <c>/</c> between its parts; taken literally, nothing is decoded or fetched.</param>
    /// <param name="full">Where the file is; empty if it is refused.</param>
    /// <returns>What is wrong; null if it is a file inside the folder.</returns>
    public static ImageFault? Resolve(string folder, string path, out string full)
    {
        full = "";
        if (path.Trim().Length == 0)
        {
            return new(QuestionFault.ImageMissing, "an empty path; give that of a PNG or JPEG file, relative to the folder of this file");
        }

        var parts = path.Split('/');
        if (path[0] == '/' || path.AsSpan().ContainsAny('\\', ':') || path.Any(char.IsControl) || parts.Contains(".."))
        {
            return new(QuestionFault.ImagePath, "must be relative to the folder of this file, with / between its parts, without '..', backslash, drive or scheme; copy the image into that folder");
        }

        var at = folder;
        foreach (var part in parts.Where(p => p is not ("" or ".")))
        {
            at = Path.Combine(at, part);
            if (new FileInfo(at).LinkTarget is not null)
            {
                return new(QuestionFault.ImagePath, $"goes through the symbolic link '{part}', which may lead out of the folder of this file; copy the image there");
            }
        }

        if (!File.Exists(at))
        {
            return new(QuestionFault.ImageMissing, Directory.Exists(at) ? "is a folder; give the path of a file" : "there is no such file beside this one");
        }

        full = at;
        return null;
    }
}

/// <summary>What is wrong with an image.</summary>
internal sealed record ImageFault(QuestionFault Fault, string Remedy);
