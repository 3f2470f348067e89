using Axpo.Imaging;

namespace Axpo.Training.Models.Vision;

/// <summary>Neighbouring frames of the same size: they share a call of attention.</summary>
/// <param name="Start">First patch.</param>
/// <param name="Count">Frames.</param>
/// <param name="Patches">Patches a frame.</param>
internal readonly record struct FrameRun(int Start, int Count, int Patches)
{
    /// <summary>The frames of pictures, in order.</summary>
    public static List<FrameRun> Of(IReadOnlyList<PatchGrid> grids)
    {
        var runs = new List<FrameRun>();
        var at = 0;
        foreach (var grid in grids)
        {
            var patches = grid.Height * grid.Width;
            if (runs.Count > 0 && runs[^1].Patches == patches)
            {
                runs[^1] = runs[^1] with { Count = runs[^1].Count + grid.Time };
            }
            else
            {
                runs.Add(new FrameRun(at, grid.Time, patches));
            }

            at += grid.Patches;
        }

        return runs;
    }
}
