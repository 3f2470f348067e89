using Axpo.Imaging;

namespace Axpo.Training.Models.Vision;

/// <summary>How model folders have pictures prepared.</summary>
public static class PictureProcessors
{
    /// <summary>Reads a folder's <c>preprocessor_config.json</c>, and checks that it is meant for a tower.</summary>
    /// <param name="folder">A model's folder.</param>
    /// <param name="tower">Shape of its tower.</param>
    /// <exception cref="FileNotFoundException">There is no <c>preprocessor_config.json</c>.</exception>
    /// <exception cref="NotSupportedException">A field that would change the patches is not supported; the message names it.</exception>
    /// <exception cref="InvalidDataException">A field is missing or has the wrong type, or the patches are of another size or order than the tower's.</exception>
    public static PictureProcessor Read(string folder, VisionConfig tower)
    {
        var processor = PictureProcessorFile.Read(folder);
        Check("patch_size", processor.PatchSize, tower.PatchSize);
        Check("temporal_patch_size", processor.TemporalPatchSize, tower.TemporalPatchSize);
        Check("merge_size", processor.MergeSize, tower.MergeSize);
        return processor;

        void Check(string field, int found, int needed)
        {
            if (found != needed)
            {
                throw new InvalidDataException($"{Path.Combine(folder, PictureProcessorFile.FileName)}: {field} is {found}, the model's is {needed}");
            }
        }
    }
}
