using System.Globalization;
using System.Text.Json;
using Axpo.Environments.Facts;

namespace Axpo.Environments.Suites;

/// <summary>
/// <c>calendar</c>: the weekday of a date, the days between two dates, the date so many days after another; 1900 to 2099, proleptic Gregorian, dates written as <c>2024-03-01</c>.
/// One line of Python each. Splits are disjoint by year: no year of a test question, its answer included, stands in a training question.
/// </summary>
public sealed class CalendarSuite : ITaskSuite, ITeacher
{
    private const string SuiteName = "calendar";
    private const int MaxDays = 1000;
    private static readonly DateOnly First = new(1900, 1, 1);
    private static readonly DateOnly Last = new(2099, 12, 31);
    private static readonly string[] Weekdays = Enum.GetNames<DayOfWeek>();
    private static readonly string[] WeekdayTexts = ["Which weekday is {0}?", "What day of the week is {0}?", "Name the weekday of {0}."];
    private static readonly string[] DaysTexts = ["How many days are there from {0} to {1}?", "How many days after {0} is {1}?", "Count the days from {0} to {1}."];
    private static readonly string[] DateTexts = ["Which date is {1} days after {0}?", "What is the date {1} days after {0}?", "Give the date {1} days after {0}."];

    /// <inheritdoc/>
    public string Name => SuiteName;

    /// <inheritdoc/>
    public string Category => "reasoning";

    /// <inheritdoc/>
    public IReadOnlyList<string> Tools { get; } = ["python"];

    string ITeacher.Suite => SuiteName;

    /// <inheritdoc/>
    public IReadOnlyList<Question> Draw(Split split, ChanceKey key, int count) => Draws.Distinct(key, count, chance =>
    {
        var kind = chance.Next(3);
        while (true)
        {
            var from = First.AddDays(chance.Next(Last.DayNumber - First.DayNumber + 1));
            var days = kind == 0 ? 0 : chance.Next(1, MaxDays);
            if (Of(from.Year) != split || days > Last.DayNumber - from.DayNumber || Of(from.AddDays(days).Year) != split)
            {
                continue;
            }

            var to = from.AddDays(days);
            return kind switch
            {
                0 => Question(chance.Pick(WeekdayTexts), Iso(from), "", from.DayOfWeek.ToString(), "choice", $"f'{{{Code(from)}:%A}}'"),
                1 => Question(chance.Pick(DaysTexts), Iso(from), Iso(to), Text(days), "numeric", $"({Code(to)}-{Code(from)}).days"),
                _ => Question(chance.Pick(DateTexts), Iso(from), Text(days), Iso(to), "exact", $"{Code(from)}+timedelta({Text(days)})"),
            };
        }
    });

    /// <summary>Always with the tool: without it these questions are out of reach for a small policy.</summary>
    /// <inheritdoc/>
    public TeacherTrace Demonstrate(Question question, bool useTool, ChanceKey key)
    {
        ArgumentNullException.ThrowIfNull(question);
        using var metadata = JsonDocument.Parse(question.MetadataJson);
        var code = metadata.RootElement.GetProperty("code").GetString();
        return new TeacherTrace(question, [new TeacherStep("use python", "python", $$"""{"code":"from datetime import*;print({{code}})"}""", question.Answer)], null, question.Answer);
    }

    /// <summary>The split of a year.</summary>
    internal static Split Of(int year) => EntitySplit.Of($"year {Text(year)}");

    private static Question Question(string wording, string first, string second, string answer, string verifier, string code)
    {
        var text = string.Format(CultureInfo.InvariantCulture, wording, first, second);
        return new Question
        {
            Id = $"{SuiteName}:{text}",
            Suite = SuiteName,
            Category = "reasoning",
            Text = text,
            Answer = answer,
            Verifier = verifier,
            Choices = verifier == "choice" ? Weekdays : [],
            MetadataJson = $$"""{"code":"{{code}}"}""",
        };
    }

    private static string Iso(DateOnly date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Code(DateOnly date) => string.Create(CultureInfo.InvariantCulture, $"date({date.Year},{date.Month},{date.Day})");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
