namespace Axpo.Training.Generation;

/// <summary>
/// Tokens of context that one step may compute: few beside decoding, so that live sequences do not stall; more when nothing is decoded. Halved when memory runs out, and after
/// many good steps doubled until it is what it was. Bits do not depend on it.
/// </summary>
internal sealed class PrefillBudget
{
    /// <summary>Rows of a step at most.</summary>
    public const int MostRows = Most * TimesAlone;

    private const int Most = 256;
    private const int Least = 16;
    private const int StepsToDouble = 128;
    private const int TimesAlone = 4;

    private int _goodSteps;

    /// <summary>Rows beside decoding.</summary>
    public int Rows { get; private set; } = Most;

    /// <summary>Rows when nothing is decoded.</summary>
    public int RowsAlone => TimesAlone * Rows;

    public void Halve()
    {
        Rows = Math.Max(Least, Rows / 2);
        _goodSteps = 0;
    }

    /// <summary>A step went well.</summary>
    public void Good()
    {
        if (Rows < Most && ++_goodSteps >= StepsToDouble)
        {
            Rows *= 2;
            _goodSteps = 0;
        }
    }
}
